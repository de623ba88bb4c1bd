// Payloads as files of a folder that producers and workers share: on one machine a folder in memory (/dev/shm), which spares tensors the
// way through Redis; on several a network's.
//
// A file's modification time is when it expires; who has a store removes what has, each minute, and no file that is not a payload by its
// name: the folder may be one where others have theirs. A file is written under another name and renamed, so that nobody reads a part of one.

import { createHash, randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { mkdir, readdir, stat, statfs, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TensorlaneError } from 'tensorlane';
import { text } from '../core/checks.js';
import type { PayloadStore } from './store.js';

const sweepEveryMs = 60_000;
/** Linux' number of the file system that lies in memory. */
const tmpfs = 0x01021994;

/** What is not the bytes' own way to and from a file. In memory there is nothing to wait for, and each wait for another thread costs more. */
const calls = {
  waiting: {
    open: promisify(fs.open),
    close: promisify(fs.close),
    stat: promisify(fs.fstat) as (file: number) => Promise<fs.Stats>,
    utimes: promisify(fs.futimes),
    rename: promisify(fs.rename),
    unlink: promisify(fs.unlink),
  },
  atOnce: {
    open: fs.openSync,
    close: fs.closeSync,
    stat: fs.fstatSync as (file: number) => fs.Stats,
    utimes: fs.futimesSync,
    rename: fs.renameSync,
    unlink: fs.unlinkSync,
  },
} as const;
const writev = promisify(fs.writev);
const read = promisify(fs.read) as (
  file: number,
  into: Uint8Array,
  at: number,
  length: number,
  from: number,
) => Promise<{ readonly bytesRead: number }>;
const finished = '.tensors';
const unfinished = '.tensors.part';
/** Linux has names of up to 255 bytes. */
const mostName = 255 - finished.length;

export class FileStore implements PayloadStore, Disposable {
  readonly name = 'file';
  readonly #folder: string;
  readonly #sweeper: NodeJS.Timeout;
  #made: Promise<(typeof calls)[keyof typeof calls]> | undefined;

  /** The folder is made where there is none. Errors: ERR_ARGUMENT. */
  constructor(folder: string) {
    this.#folder = text('FileStore: folder', folder);
    this.#sweeper = setInterval(() => this.sweep().catch(() => {}), sweepEveryMs).unref();
  }

  /** Errors: those of `putParts`. */
  put(key: string, bytes: Uint8Array, expireMs: number): Promise<void> {
    return this.putParts(key, [bytes], expireMs);
  }

  /** Errors: ERR_QUEUE_FULL, where the file system has no space left; those of the file system. */
  async putParts(key: string, parts: readonly Uint8Array[], expireMs: number): Promise<void> {
    const { open, close, utimes: touch, rename, unlink: remove } = await this.#calls();
    const part = join(this.#folder, `${randomUUID()}${unfinished}`);
    try {
      const file = await open(part, 'wx');
      try {
        await writeAll(file, parts);
        const at = expiry(expireMs);
        await touch(file, at, at);
      } finally {
        await close(file);
      }
      await rename(part, this.#path(key));
    } catch (reason) {
      await orMissing(async () => remove(part));
      if (!['ENOSPC', 'EDQUOT'].includes((reason as NodeJS.ErrnoException).code ?? '')) throw reason;
      const message = `FileStore: there is no space left in '${this.#folder}'`;
      throw new TensorlaneError('ERR_QUEUE_FULL', message, { retryAfterMicros: 1_000_000, cause: reason });
    }
  }

  async get(key: string, size: number): Promise<Uint8Array | undefined> {
    const { open, close, stat: look } = await this.#calls();
    const file = await orMissing(async () => open(this.#path(key), 'r'));
    if (file === undefined) return undefined;
    try {
      if ((await look(file)).mtimeMs < Date.now()) return undefined;
      const bytes = Buffer.allocUnsafeSlow(size);
      let length = 0;
      while (length < size) {
        const { bytesRead } = await read(file, bytes, length, size - length, length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return bytes.subarray(0, length);
    } finally {
      await close(file);
    }
  }

  async keep(key: string, _size: number, expireMs: number): Promise<void> {
    const at = expiry(expireMs);
    await orMissing(() => utimes(this.#path(key), at, at));
  }

  async delete(key: string): Promise<void> {
    const { unlink: remove } = await this.#calls();
    await orMissing(async () => remove(this.#path(key)));
  }

  /** Removes what has expired; done by itself each minute. Gives how many files that were. */
  async sweep(): Promise<number> {
    const names = (await orMissing(() => readdir(this.#folder))) ?? [];
    let removed = 0;
    for (const name of names) {
      if (!name.endsWith(finished) && !name.endsWith(unfinished)) continue;
      const path = join(this.#folder, name);
      const expired = await orMissing(
        async () => (await stat(path)).mtimeMs + (name.endsWith(unfinished) ? 3.6e6 : 0) < Date.now(),
      );
      if (expired !== true) continue;
      await orMissing(() => unlink(path));
      removed++;
    }
    return removed;
  }

  /** Ends the sweeping; the files stay. */
  dispose(): void {
    clearInterval(this.#sweeper);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** With the folder made where it was not there. */
  #calls() {
    this.#made ??= (async () => {
      await mkdir(this.#folder, { recursive: true });
      return (await statfs(this.#folder)).type === tmpfs ? calls.atOnce : calls.waiting;
    })();
    // The next tries again: a network's folder may come later.
    this.#made.catch(() => {
      this.#made = undefined;
    });
    return this.#made;
  }

  #path(key: string): string {
    return join(this.#folder, fileName(key));
  }
}

/** One in the folder itself, whatever the key, and of a key that is too long its hash. */
function fileName(key: string): string {
  const readable = encodeURIComponent(key);
  return `${readable.length <= mostName ? readable : createHash('sha256').update(key).digest('hex')}${finished}`;
}

/** In seconds since 1970. */
const expiry = (expireMs: number) => (Date.now() + expireMs) / 1000;

/** The system may take less at once than it is given. */
async function writeAll(file: number, parts: readonly Uint8Array[]): Promise<void> {
  let left = parts.filter(({ byteLength }) => byteLength > 0);
  while (left.length > 0) {
    let { bytesWritten } = await writev(file, left);
    const rest: Uint8Array[] = [];
    for (const part of left) {
      const taken = Math.min(bytesWritten, part.byteLength);
      bytesWritten -= taken;
      if (taken < part.byteLength) rest.push(part.subarray(taken));
    }
    left = rest;
  }
}

/** undefined where there is no such file. */
async function orMissing<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw reason;
  }
}
