// The web's requests as exchanges.

import { type BodySource, lengthIn, readBody } from './body.js';
import type { Lease } from './budget.js';
import type { Exchange } from './exchange.js';
import type { Limits } from './limits.js';

export class FetchExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly startedAt = performance.now();
  readonly signal: AbortSignal;
  readonly #request: Request;
  readonly #limits: Limits;
  readonly #lease: Lease;

  constructor(request: Request, path: string, limits: Limits, lease: Lease) {
    this.method = request.method;
    this.path = path;
    this.signal = request.signal;
    this.#request = request;
    this.#limits = limits;
    this.#lease = lease;
  }

  header(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined;
  }

  take(bytes: number): void {
    this.#lease.take(bytes);
  }

  async body(head?: number): Promise<Uint8Array> {
    return readBody(this.#source(), this.#limits, this.#lease, head);
  }

  #source(): BodySource {
    const { body } = this.#request;
    return {
      length: lengthIn(this.header('content-length')),
      encoding: this.header('content-encoding'),
      async read(onPart) {
        if (body === null) return;
        for await (const part of body as unknown as AsyncIterable<Uint8Array>) onPart(part);
      },
    };
  }
}
