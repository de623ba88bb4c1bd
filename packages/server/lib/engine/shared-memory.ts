// System shared memory: regions of POSIX shared memory that clients on this machine made, by names under which requests speak of them.
//
// The rules: a region is a plain file of /dev/shm, known by its own name there, and nothing else: no path, no link. It stays open until it is
// given back, so that it is the same one then, whatever has become of its name; and it is not read or written outside of what was registered.

import { constants, type FileHandle, open } from 'node:fs/promises';
import { TensorlaneError } from 'tensorlane';

const folder = '/dev/shm';
/** More than any client needs. */
const mostRegions = 1000;

export interface Region {
  readonly name: string;
  /** As shm_open takes it. */
  readonly key: string;
  readonly offset: number;
  readonly byteSize: number;
}

export class SharedMemory {
  readonly #regions = new Map<string, { readonly region: Region; readonly file: FileHandle }>();

  /** Errors: ERR_ARGUMENT (the name is taken, the key is none, the region is larger than what is there). */
  async register({ name, key, offset, byteSize }: Region): Promise<void> {
    const called = `shared memory region '${name.slice(0, 200)}'`;
    if (name === '') throw argument('a shared memory region has a name');
    if (this.#regions.has(name)) throw argument(`${called} already in manager`);
    if (this.#regions.size >= mostRegions) throw argument(`there are ${mostRegions} shared memory regions, the most`);
    const [, file] = /^\/?([A-Za-z0-9_.-]{1,255})$/.exec(key) ?? [];
    if (file === undefined || file === '.' || file === '..') {
      throw argument(`${called}: its key must be the name of shared memory, as '/name', got '${key.slice(0, 200)}'`);
    }
    for (const [what, value] of [
      ['offset', offset],
      ['byte_size', byteSize],
    ] as const) {
      if (!Number.isSafeInteger(value) || value < 0)
        throw argument(`${called}: ${what} must be an integer of at least 0`);
    }
    const handle = await opened(called, key, `${folder}/${file}`);
    try {
      const { size } = await fileOf(called, handle);
      if (offset + byteSize > size) {
        throw argument(`${called}: it ends at byte ${offset + byteSize}, but '${key}' has ${size} bytes`);
      }
      // Another may have come first.
      if (this.#regions.has(name)) throw argument(`${called} already in manager`);
      this.#regions.set(name, { region: { name, key, offset, byteSize }, file: handle });
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** One, or all; what there is not is no error. Reads and writes that have begun end before. */
  async unregister(name?: string): Promise<void> {
    const names = name === undefined ? [...this.#regions.keys()] : [name];
    const handles = names.flatMap((one) => this.#regions.get(one)?.file ?? []);
    for (const one of names) this.#regions.delete(one);
    await Promise.all(handles.map((handle) => handle.close()));
  }

  /** Of one, or of all. Errors: ERR_NOT_FOUND. */
  status(name?: string): Region[] {
    if (name === undefined) return [...this.#regions.values()].map(({ region }) => region);
    return [this.#find(name).region];
  }

  /** Errors: ERR_NOT_FOUND, ERR_ARGUMENT, where a region has no such bytes. */
  require(name: string, offset: number, byteSize: number): void {
    this.#within(name, offset, byteSize);
  }

  /** Bytes of a region, from `offset` within it. Errors: ERR_NOT_FOUND, ERR_ARGUMENT (outside of it, or no longer there). */
  async read(name: string, offset: number, byteSize: number): Promise<Uint8Array> {
    const { region, file } = this.#within(name, offset, byteSize);
    // Numbers of 64 bits can be read where they lie.
    const bytes = new Uint8Array(byteSize);
    let at = 0;
    while (at < byteSize) {
      const from = region.offset + offset + at;
      const { bytesRead } = await this.#still(name, file, () => file.read(bytes, at, byteSize - at, from));
      if (bytesRead === 0) throw argument(`shared memory region '${name}' has become smaller`);
      at += bytesRead;
    }
    return bytes;
  }

  /** Errors: ERR_NOT_FOUND, ERR_ARGUMENT (outside of it, or no longer there). */
  async write(name: string, offset: number, bytes: Uint8Array): Promise<void> {
    const { region, file } = this.#within(name, offset, bytes.length);
    const { size } = await this.#still(name, file, () => file.stat());
    // A write beyond its end would make it larger.
    if (region.offset + offset + bytes.length > size)
      throw argument(`shared memory region '${name}' has become smaller`);
    let at = 0;
    while (at < bytes.length) {
      const to = region.offset + offset + at;
      at += (await this.#still(name, file, () => file.write(bytes, at, bytes.length - at, to))).bytesWritten;
    }
  }

  /** One step of several: the region may have been given back since the last. Errors: ERR_NOT_FOUND. */
  #still<T>(name: string, file: FileHandle, step: () => Promise<T>): Promise<T> {
    if (this.#regions.get(name)?.file === file) return step();
    throw this.#missing(name);
  }

  #find(name: string) {
    const found = this.#regions.get(name);
    if (found !== undefined) return found;
    throw this.#missing(name);
  }

  #missing(name: string): TensorlaneError {
    return new TensorlaneError('ERR_NOT_FOUND', `Unable to find shared memory region: '${name.slice(0, 200)}'`);
  }

  #within(name: string, offset: number, byteSize: number) {
    const found = this.#find(name);
    const { byteSize: size } = found.region;
    if (offset + byteSize <= size) return found;
    throw argument(
      `Invalid offset + byte size for shared memory region: '${name}': they end at byte ${offset + byteSize}, but it has ${size} bytes`,
    );
  }
}

function argument(message: string): TensorlaneError {
  return new TensorlaneError('ERR_ARGUMENT', message);
}

async function opened(called: string, key: string, path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new TensorlaneError('ERR_ARGUMENT', `${called}: Unable to open shared memory region '${key}' (${code})`, {
      cause,
    });
  }
}

async function fileOf(called: string, handle: FileHandle) {
  const stats = await handle.stat();
  if (stats.isFile()) return stats;
  throw argument(`${called}: its key is of no shared memory`);
}
