// Fetches a file: goes on where it was cut off, and keeps nothing whose checksum is wrong.

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { TensorlaneError } from '../../core/errors.js';
import type { RemoteFile } from './registries.js';

export interface DownloadOptions {
  /** Told of the bytes that are there, each time there are more. */
  readonly onProgress?: (bytes: number) => void;
  /** How often it is tried again where the connection breaks; each time it has brought something, as often again. */
  readonly retries?: number;
  readonly retryMs?: number;
}

/**
 * The file at `path`; what of it was fetched before, by this or an earlier call, lies in `path`.part and is not fetched again.
 * Errors: ERR_NO_RUNTIME.
 */
export async function download(
  file: RemoteFile,
  path: string,
  { onProgress, retries = 4, retryMs = 1000 }: DownloadOptions = {},
): Promise<void> {
  const part = `${path}.part`;
  let left = retries;
  for (;;) {
    const had = sizeOf(part);
    try {
      if (file.size === undefined || had < file.size) await fetchRest(file, part, had, onProgress);
      break;
    } catch (cause) {
      left = sizeOf(part) > had ? retries : left - 1;
      if (cause instanceof TensorlaneError || left < 0) throw failed(file, cause);
      await sleep(retryMs);
    }
  }
  await verify(file, part);
  renameSync(part, path);
}

async function fetchRest(
  file: RemoteFile,
  part: string,
  had: number,
  onProgress: ((bytes: number) => void) | undefined,
): Promise<void> {
  const response = await fetch(file.url, had > 0 ? { headers: { range: `bytes=${had}-` } } : {});
  if (response.status === 416) return; // all of it is there
  if (!response.ok || response.body === null) {
    throw new TensorlaneError('ERR_NO_RUNTIME', `${file.url} cannot be had: HTTP ${response.status}`);
  }
  // A server that knows no ranges sends it from the start.
  let bytes = response.status === 206 ? had : 0;
  const counted = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      onProgress?.(bytes);
      yield chunk;
    }
  };
  const body = Readable.fromWeb(response.body as import('node:stream/web').ReadableStream);
  await pipeline(body, counted, createWriteStream(part, { flags: bytes > 0 ? 'a' : 'w' }));
}

async function verify({ url, size, checksum }: RemoteFile, part: string): Promise<void> {
  const found = sizeOf(part);
  if (size !== undefined && found !== size) {
    rmSync(part);
    throw new TensorlaneError('ERR_NO_RUNTIME', `${url} should have ${size} bytes, but ${found} came`);
  }
  if (checksum === undefined) return;
  const hash = createHash(checksum.algorithm);
  for await (const chunk of createReadStream(part)) hash.update(chunk as Buffer);
  const hex = hash.digest('hex');
  if (hex === checksum.hex) return;
  rmSync(part);
  throw new TensorlaneError(
    'ERR_NO_RUNTIME',
    `${url} has the ${checksum.algorithm} ${hex}, not ${checksum.hex}: it was not kept`,
  );
}

function sizeOf(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}

function failed({ url }: RemoteFile, cause: unknown): TensorlaneError {
  if (cause instanceof TensorlaneError) return cause;
  const reason = ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message;
  return new TensorlaneError('ERR_NO_RUNTIME', `${url} could not be fetched: ${reason}; call it again to go on`, {
    cause,
  });
}
