// Reads the body of a request, within its limits.
//
// The rule: no more is held than was admitted. A body that says its length is refused before any of it is read; one that does not, as soon as
// it is too long; one that is compressed, when what comes out of it is.

import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { invalid, Refusal } from '../core/errors.js';
import type { Lease } from './budget.js';
import type { Limits as AllLimits } from './limits.js';

type Limits = Pick<AllLimits, 'bodyBytes'>;

const decompressors = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
} as const;

export interface BodySource {
  readonly length: number | undefined;
  /** Content-Encoding. */
  readonly encoding: string | undefined;
  /** Calls back with each part, in order; resolves at the end. */
  read(onPart: (part: Uint8Array) => void): Promise<void>;
}

/** Errors: INVALID_ARGUMENT, RESOURCE_EXHAUSTED (413), UNAVAILABLE (no room at the moment). */
export async function readBody(source: BodySource, limits: Limits, lease: Lease, head = 0): Promise<Uint8Array> {
  const { length } = source;
  const encoding = source.encoding?.trim().toLowerCase() || 'identity';
  const isPlain = encoding === 'identity';
  if (!isPlain && !Object.hasOwn(decompressors, encoding)) {
    const known = Object.keys(decompressors).join(', ');
    throw new Refusal('INVALID_ARGUMENT', `the body has an unknown Content-Encoding; known are ${known}`, {
      http: 415,
    });
  }
  if (length !== undefined && length > limits.bodyBytes) throw tooLarge(limits);
  if (length !== undefined) lease.take(length);
  const body = length === undefined ? new Parts(limits, lease) : new Filled(length, isPlain ? head : 0);
  await source.read((part) => body.add(part));
  const bytes = body.end(isPlain ? head : 0);
  return isPlain ? bytes : decompress(bytes, encoding as keyof typeof decompressors, limits, lease, head);
}

/** Of a length that is known. */
class Filled {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(length: number, head: number) {
    this.#bytes = allocate(length, head);
  }

  add(part: Uint8Array): void {
    // Node ends a body at its length.
    this.#bytes.set(part, this.#at);
    this.#at += part.length;
  }

  end(): Uint8Array {
    if (this.#at < this.#bytes.length) throw invalid('the body ended before its Content-Length');
    return this.#bytes;
  }
}

/** Of a length that shows. */
class Parts {
  readonly #parts: Uint8Array[] = [];
  readonly #limits: Limits;
  readonly #lease: Lease;
  #length = 0;

  constructor(limits: Limits, lease: Lease) {
    this.#limits = limits;
    this.#lease = lease;
  }

  add(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#length > this.#limits.bodyBytes) throw tooLarge(this.#limits);
    this.#lease.take(part.length);
    this.#parts.push(part);
  }

  end(head: number): Uint8Array {
    const bytes = allocate(this.#length, head);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}

/** So that what follows the first `head` bytes is aligned for 8 bytes. */
function allocate(length: number, head: number): Uint8Array {
  const shift = (8 - (head % 8)) % 8;
  return new Uint8Array(new ArrayBuffer(length + shift), shift, length);
}

async function decompress(
  bytes: Uint8Array,
  encoding: keyof typeof decompressors,
  limits: Limits,
  lease: Lease,
  head: number,
): Promise<Uint8Array> {
  let plain: Uint8Array;
  try {
    plain = await decompressors[encoding](bytes, { maxOutputLength: limits.bodyBytes });
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limits);
    throw invalid(`the body is no ${encoding}`);
  }
  lease.take(plain.length);
  if ((plain.byteOffset + head) % 8 === 0) return plain;
  const aligned = allocate(plain.length, head);
  aligned.set(plain);
  return aligned;
}

function tooLarge({ bodyBytes }: Limits): Refusal {
  return new Refusal('RESOURCE_EXHAUSTED', `the body is larger than ${bodyBytes} bytes`, { http: 413 });
}

/** Of node:http. */
export function bodyOf(message: IncomingMessage): BodySource {
  const { 'content-length': length, 'content-encoding': encoding } = message.headers;
  return {
    length: length === undefined ? undefined : Number(length),
    encoding,
    read: (onPart) =>
      new Promise((resolve, reject) => {
        const stop = (error: unknown) => {
          message.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
          // What is still to come is read and dropped by whoever answers.
          reject(error);
        };
        const onData = (part: Uint8Array) => {
          try {
            onPart(part);
          } catch (error) {
            stop(error);
          }
        };
        const onEnd = () => {
          message.off('close', onClose).off('error', onClose);
          resolve();
        };
        const onClose = () => stop(new Refusal('CANCELLED', 'the client hung up before the body was whole'));
        if (message.readableEnded) {
          // As a parser of a framework's does that comes first.
          if (Number(length ?? 0) === 0) return resolve();
          return reject(
            new Refusal('INTERNAL', 'the body was read before it came here: put this handler before parsers of bodies'),
          );
        }
        if (message.destroyed) return onClose();
        message.on('data', onData).once('end', onEnd).once('close', onClose).once('error', onClose);
      }),
  };
}
