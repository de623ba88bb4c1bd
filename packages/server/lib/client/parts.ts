// Reads an answer of parts (multipart/mixed) as it comes.
//
// The rule: each part says its length, and is read by that: what is between parts may be within them.

import type { IncomingHttpHeaders } from 'node:http';

export interface Part {
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Uint8Array;
}

/** More than any part's headers are. */
const mostHeaderBytes = 65_536;

/** Rejects where it ends before its end, or is no such answer. */
export async function* partsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Part, void> {
  const reader = new Reader(chunks);
  try {
    for (;;) {
      let line = await reader.line();
      while (line === '') line = await reader.line();
      if (!line.startsWith('--')) throw new Error(`expected a boundary, got '${line.slice(0, 100)}'`);
      if (line.endsWith('--')) return;
      const headers: IncomingHttpHeaders = {};
      for (let field = await reader.line(); field !== ''; field = await reader.line()) {
        const colon = field.indexOf(':');
        headers[field.slice(0, colon).toLowerCase()] = field.slice(colon + 1).trim();
      }
      const length = headers['content-length'] ?? '';
      if (!/^\d{1,15}$/.test(length)) throw new Error('a part does not say its length');
      yield { headers, bytes: await reader.bytes(Number(length)) };
    }
  } finally {
    await reader.close();
  }
}

class Reader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #left = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Without its end. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#left.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#left.toString('latin1', 0, end);
        this.#left = this.#left.subarray(end + 2);
        return line;
      }
      if (this.#left.length > mostHeaderBytes) throw new Error('a line has no end');
      this.#left = Buffer.concat([this.#left, await this.#next()]);
    }
  }

  /** Memory grows by what comes, not by what is announced. */
  async bytes(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      if (this.#left.length === 0) this.#left = await this.#next();
      const part = this.#left.subarray(0, missing);
      this.#left = this.#left.subarray(part.length);
      missing -= part.length;
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #next(): Promise<Buffer<ArrayBuffer>> {
    const { done, value } = await this.#chunks.next();
    if (done === true) throw new Error('it ended before its last part');
    return Buffer.from(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
  }
}
