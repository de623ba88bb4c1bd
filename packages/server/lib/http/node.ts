// node:http's requests as exchanges, and answers onto its responses.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { deflate, gzip } from 'node:zlib';
import { bodyOf, readBody } from './body.js';
import type { Lease } from './budget.js';
import type { Answer, Exchange } from './exchange.js';
import type { Limits } from './limits.js';

const compressors = { gzip: promisify(gzip), deflate: promisify(deflate) } as const;
/** Below it, compressing costs more than it saves. */
const leastCompressed = 1024;

export class NodeExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly startedAt = performance.now();
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #limits: Limits;
  readonly #lease: Lease;
  #hungUp: AbortController | undefined;

  constructor(message: IncomingMessage, response: ServerResponse, path: string, limits: Limits, lease: Lease) {
    this.method = message.method ?? 'GET';
    this.path = path;
    this.#message = message;
    this.#response = response;
    this.#limits = limits;
    this.#lease = lease;
  }

  header(name: string): string | undefined {
    const value = this.#message.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  get signal(): AbortSignal {
    if (this.#hungUp === undefined) {
      const hungUp = new AbortController();
      const response = this.#response;
      // The request closes when its body has been read; the response, when it has been sent or cannot be.
      response.once('close', () => {
        if (!response.writableFinished) hungUp.abort();
      });
      if (response.destroyed && !response.writableFinished) hungUp.abort();
      this.#hungUp = hungUp;
    }
    return this.#hungUp.signal;
  }

  body(head?: number): Promise<Uint8Array> {
    return readBody(bodyOf(this.#message), this.#limits, this.#lease, head);
  }
}

/** A request's path without its query. */
export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

/** An answer that is compressed if the client takes that, and there is enough of it. Tensors in bytes are left as they are, as Triton has it. */
export async function compressed(answer: Answer, accepted: string | undefined): Promise<Answer> {
  if (accepted === undefined || typeof answer.body !== 'string' || answer.body.length < leastCompressed) return answer;
  const encoding = encodingOf(accepted);
  if (encoding === undefined) return answer;
  const body = await compressors[encoding](answer.body);
  return {
    ...answer,
    headers: { ...answer.headers, 'content-encoding': encoding, vary: 'accept-encoding' },
    body: [body],
  };
}

/** The first that is named and wanted. */
function encodingOf(accepted: string): keyof typeof compressors | undefined {
  for (const part of accepted.toLowerCase().split(',')) {
    const [name, ...parameters] = part.split(';').map((one) => one.trim());
    const isRefused = parameters.some((one) => /^q=0(\.0*)?$/.test(one));
    if (!isRefused && (name === 'gzip' || name === 'deflate')) return name;
  }
  return undefined;
}
