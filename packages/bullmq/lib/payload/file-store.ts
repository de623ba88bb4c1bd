// Payloads as files of a folder that producers and workers share: on one machine a folder in memory (/dev/shm), which spares tensors the
// way through Redis; on several a network's.
//
// A file's modification time is when it expires; who has a store removes what has, each minute. A file is written under another name
// and renamed, so that nobody reads a part of one.

import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TensorlaneError } from 'tensorlane';
import { text } from '../core/checks.js';
import type { PayloadStore } from './store.js';

const sweepEveryMs = 60_000;
const unfinished = '.part';

export class FileStore implements PayloadStore, Disposable {
  readonly name = 'file';
  readonly #folder: string;
  readonly #sweeper: NodeJS.Timeout;
  #made: Promise<unknown> | undefined;

  /** The folder is made where there is none. Errors: ERR_ARGUMENT. */
  constructor(folder: string) {
    this.#folder = text('FileStore: folder', folder);
    this.#sweeper = setInterval(() => this.sweep().catch(() => {}), sweepEveryMs).unref();
  }

  /** Errors: ERR_QUEUE_FULL, where the file system has no space left; those of the file system. */
  async put(key: string, bytes: Uint8Array, expireMs: number): Promise<void> {
    this.#made ??= mkdir(this.#folder, { recursive: true });
    await this.#made;
    const part = join(this.#folder, `${randomUUID()}${unfinished}`);
    try {
      await writeFile(part, bytes);
      await expire(part, expireMs);
      await rename(part, this.#path(key));
    } catch (reason) {
      await unlink(part).catch(() => {});
      if (!['ENOSPC', 'EDQUOT'].includes((reason as NodeJS.ErrnoException).code ?? '')) throw reason;
      const message = `FileStore: there is no space left in '${this.#folder}'`;
      throw new TensorlaneError('ERR_QUEUE_FULL', message, { retryAfterMicros: 1_000_000, cause: reason });
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const path = this.#path(key);
    return orMissing(async () => {
      const { mtimeMs } = await stat(path);
      return mtimeMs < Date.now() ? undefined : readFile(path);
    });
  }

  async keep(key: string, _size: number, expireMs: number): Promise<void> {
    await orMissing(() => expire(this.#path(key), expireMs));
  }

  async delete(key: string): Promise<void> {
    await orMissing(() => unlink(this.#path(key)));
  }

  /** Removes what has expired; done by itself each minute. Gives how many files that were. */
  async sweep(): Promise<number> {
    const names = (await orMissing(() => readdir(this.#folder))) ?? [];
    let removed = 0;
    for (const name of names) {
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

  #path(key: string): string {
    return join(this.#folder, encodeURIComponent(key));
  }
}

async function expire(path: string, expireMs: number): Promise<void> {
  const at = (Date.now() + expireMs) / 1000;
  await utimes(path, at, at);
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
