// Reads the body of a request, within its limits.
//
// The rule: no more is held than was admitted. A body that says its length is refused before any of it is read; one that does not, as soon as
// it is too long; one that is compressed, when what comes out of it is, or there is no room for more of it. What has been unpacked is not held.

import type { IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, type ZlibOptions } from 'node:zlib';
import { invalid, Refusal } from '../core/errors.js';
import type { Lease } from './budget.js';
import type { Limits as AllLimits } from './limits.js';

type Limits = Pick<AllLimits, 'bodyBytes'>;

/** By the first byte of what comes. */
type Unpacker = (first: number, options: ZlibOptions) => Transform;

const unpackers = {
  gzip: (_, options) => createGunzip(options),
  'x-gzip': (_, options) => createGunzip(options),
  deflate: (first, options) => (isOfZlib(first) ? createInflate(options) : createInflateRaw(options)),
  br: (_, options) => createBrotliDecompress(options),
} as const satisfies Record<string, Unpacker>;
/** Of what comes out of them at once. */
const chunkSize = 64 * 1024;
/** So much of what goes in is not counted as held, while it is unpacked. */
const pieceBytes = 16 * 1024;

/**
 * HTTP's deflate is zlib's format, which names its method, 8, first; many send what is in it alone. That never begins so: it would be a block
 * that is stored as it is, and has bits set that are nothing's.
 */
const isOfZlib = (first: number) => (first & 0x0f) === 8;

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
  if (!isPlain && !Object.hasOwn(unpackers, encoding)) {
    const known = Object.keys(unpackers).join(', ');
    throw new Refusal('INVALID_ARGUMENT', `the body has an unknown Content-Encoding; known are ${known}`, {
      http: 415,
    });
  }
  if (length !== undefined && length > limits.bodyBytes) throw tooLarge(limits);
  if (length !== undefined) lease.take(length);
  if (!isPlain) return unpacked(source, encoding as keyof typeof unpackers, limits, lease, head);
  const body = length === undefined ? new Parts(limits, lease) : new Filled(length, head);
  await source.read((part) => body.add(part));
  return body.end(head);
}

/** Of a length that is known. */
class Filled {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(length: number, head: number) {
    this.#bytes = allocate(length, head);
  }

  add(part: Uint8Array): void {
    // Node ends a body at its length, others do not.
    if (this.#at + part.length > this.#bytes.length) throw longer();
    this.#bytes.set(part, this.#at);
    this.#at += part.length;
  }

  end(): Uint8Array {
    if (this.#at < this.#bytes.length) throw shorter();
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

/** As it comes. The lease has what it says its length is. */
async function unpacked(
  source: BodySource,
  encoding: keyof typeof unpackers,
  limits: Limits,
  lease: Lease,
  head: number,
): Promise<Uint8Array> {
  const { length } = source;
  const plain = new Parts(limits, lease);
  let unpacker: Transform | undefined;
  let begin: (first: number) => Transform;
  const ended = new Promise<void>((resolve, reject) => {
    const failed = (error: unknown) => reject(error instanceof Refusal ? error : invalid(`the body is no ${encoding}`));
    begin = (first) => {
      const begun = unpackers[encoding](first, { chunkSize }).on('end', resolve).on('error', failed);
      return begun.on('data', (part: Uint8Array) => {
        try {
          plain.add(part);
        } catch (error) {
          begun.destroy(error as Error);
        }
      });
    };
  });
  let came = 0;
  let fed = Promise.resolve();
  const feed = async (piece: Uint8Array) => {
    unpacker ??= begin(piece[0]!);
    if (unpacker.destroyed) return;
    lease.give(piece.length);
    await new Promise((resolve) => unpacker!.write(piece, resolve));
  };
  const read = async () => {
    await source.read((part) => {
      came += part.length;
      if (came > (length ?? limits.bodyBytes)) throw length === undefined ? tooLarge(limits) : longer();
      if (length === undefined) lease.take(part.length);
      for (let at = 0; at < part.length; at += pieceBytes) {
        const piece = part.subarray(at, at + pieceBytes);
        fed = fed.then(() => feed(piece));
      }
    });
    if (came < (length ?? 0)) throw shorter();
    await fed;
    // Of nothing it says what it says.
    unpacker ??= begin(0);
    unpacker.end();
    await ended;
  };
  try {
    // What has failed is not waited for to come. An end may come before that of the body, where something follows it.
    await Promise.race([read(), ended.then(() => new Promise<never>(() => {}))]);
  } finally {
    unpacker?.destroy();
  }
  return plain.end(head);
}

/** Of the header Content-Length. What is none is no length, whoever let it through. Errors: INVALID_ARGUMENT. */
export function lengthIn(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (!/^\d{1,15}$/.test(header)) throw invalid('Content-Length must be a number of bytes');
  return Number(header);
}

const shorter = () => invalid('the body ended before its Content-Length');
const longer = () => invalid('the body is longer than its Content-Length');

function tooLarge({ bodyBytes }: Limits): Refusal {
  return new Refusal('RESOURCE_EXHAUSTED', `the body is larger than ${bodyBytes} bytes`, { http: 413 });
}

/** Of node:http. */
export function bodyOf(message: IncomingMessage): BodySource {
  const { 'content-length': length, 'content-encoding': encoding } = message.headers;
  return {
    length: lengthIn(length),
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
