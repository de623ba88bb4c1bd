// node:http's requests as exchanges, and answers onto its responses.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest } from 'node:http2';
import { promisify } from 'node:util';
import { deflate, gzip } from 'node:zlib';
import { bodyOf, readBody } from './body.js';
import type { Lease } from './budget.js';
import { type Answer, type Exchange, lengthOf } from './exchange.js';
import type { Limits } from './limits.js';
import { whereStill } from './still.js';

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
        if (!isSent(response)) hungUp.abort();
      });
      if (response.destroyed && !isSent(response)) hungUp.abort();
      this.#hungUp = hungUp;
    }
    return this.#hungUp.signal;
  }

  take(bytes: number): void {
    this.#lease.take(bytes);
  }

  async body(head?: number): Promise<Uint8Array> {
    const message = this.#message;
    const { read, ...said } = bodyOf(message);
    let came = 0;
    let isRead = false;
    const cutOff = () => {
      if (!isRead) hangUp(message);
    };
    let isWatched = false;
    // Most bodies come with their headers, and need no timer.
    const soon = setImmediate(() => {
      isWatched = true;
      message.setTimeout?.(this.#limits.stallSeconds * 1000, () => whereStill(() => came, cutOff));
    });
    const counted = (onPart: (part: Uint8Array) => void) =>
      read((part) => {
        came += part.length;
        onPart(part);
      });
    try {
      return await readBody({ ...said, read: counted }, this.#limits, this.#lease, head);
    } finally {
      isRead = true;
      clearImmediate(soon);
      // From here on it waits for us.
      if (isWatched) socketOf(message)?.setTimeout?.(0);
    }
  }
}

/** The stream of HTTP/2, or the connection that a request came on. */
function socketOf(message: IncomingMessage): { setTimeout?(millis: number): unknown } | undefined {
  return (message as unknown as Partial<Http2ServerRequest>).stream ?? message.socket;
}

/**
 * Who takes nothing of an answer for too long is cut off, and so is who takes it so slowly that it is not gone in the time that a request has.
 * To be called as it is sent.
 */
export function watchAnswer(
  message: IncomingMessage,
  response: ServerResponse,
  { stallSeconds, requestSeconds }: Limits,
): void {
  // Most answers are gone by then, and need no timer.
  setImmediate(() => {
    if (isSent(response) || response.destroyed) return;
    const cutOff = () => hangUp(message);
    response.setTimeout(stallSeconds * 1000, cutOff);
    // Whoever sends meanwhile is not idle.
    const timer = setTimeout(cutOff, requestSeconds * 1000).unref();
    response.once('close', () => clearTimeout(timer));
  });
}

/** A stream of HTTP/2 that was ended by the other side says that it has finished, too. */
function isSent({ writableEnded, writableFinished }: ServerResponse): boolean {
  return writableEnded && writableFinished;
}

/** Ends a request's stream of HTTP/2, or the connection that it came on. */
export function hangUp(message: IncomingMessage): void {
  const { stream } = message as unknown as Partial<Http2ServerRequest>;
  // A message that was read whole is destroyed already; its connection is not.
  if (stream === undefined) message.socket.destroy();
  else stream.close(constants.NGHTTP2_CANCEL);
}

/** A request may name its server, too, as those through proxies do. */
export function originForm(url: string): string {
  if (url.startsWith('/')) return url;
  const [, path] = /^https?:\/\/[^/?#]*(.*)$/i.exec(url) ?? [];
  if (path === undefined) return url;
  return path.startsWith('/') ? path : `/${path}`;
}

/** A request's path without its query. */
export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

/** An answer that is compressed if the client takes that, and there is enough of it. Tensors in bytes are left as they are, as Triton has it. */
export async function compressed(answer: Answer, accepted: string | undefined): Promise<Answer> {
  const { body, headers, events } = answer;
  if (accepted === undefined || events !== undefined) return answer;
  if (typeof body !== 'string' && headers['content-type'] !== 'application/json') return answer;
  if ((typeof body === 'string' ? body.length : lengthOf(body)) < leastCompressed) return answer;
  const encoding = encodingOf(accepted);
  if (encoding === undefined) return answer;
  const plain = typeof body === 'string' ? body : body.length === 1 ? body[0]! : Buffer.concat(body);
  return {
    ...answer,
    headers: { ...headers, 'content-encoding': encoding, vary: 'accept-encoding' },
    body: [await compressors[encoding](plain)],
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
