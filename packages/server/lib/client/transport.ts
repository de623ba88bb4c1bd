// Requests of a client's: one agent that keeps its connections, over TCP, TLS or a UNIX socket.

import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { type ErrorCode, TensorlaneError } from 'tensorlane';
import { codeHeader, microsHeader } from '../core/errors.js';
import { shown, wrongOption } from '../core/options.js';
import { bodyOf, readBody } from '../http/body.js';
import { partStatusHeader, partsType } from '../v2/parts.js';
import { partsOf } from './parts.js';

export interface Sent {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: readonly Uint8Array[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Received {
  readonly bytes: Uint8Array;
  /** How many of them are JSON. */
  readonly head: number;
}

const headLength = 'inference-header-content-length';
const noLimits = { bodyBytes: Number.MAX_SAFE_INTEGER };
const noLease = { take() {}, give() {}, release() {} };

export class Transport {
  readonly url: string;
  readonly #library: typeof http | typeof https;
  readonly #agent: http.Agent | https.Agent;
  readonly #place: { readonly socketPath: string } | { readonly hostname: string; readonly port: string };
  readonly #base: string;

  /** `url`: http://HOST:PORT, https://..., or unix:PATH. Errors: ERR_ARGUMENT. */
  constructor(url: string, options: https.AgentOptions) {
    this.url = url;
    const socket = /^unix:(.+)$/.exec(url)?.[1];
    const parsed = socket === undefined && URL.canParse(url) ? new URL(url) : undefined;
    if (socket === undefined && !['http:', 'https:'].includes(parsed?.protocol ?? '')) {
      throw wrongOption(`connect: expected http://HOST:PORT, https://HOST:PORT or unix:PATH, got ${shown(url)}`);
    }
    this.#library = parsed?.protocol === 'https:' ? https : http;
    this.#agent = new this.#library.Agent({ keepAlive: true, ...options });
    this.#place = socket === undefined ? { hostname: hostOf(parsed!), port: parsed!.port } : { socketPath: socket };
    this.#base = parsed === undefined ? '' : parsed.pathname.replace(/\/$/, '');
  }

  /** Errors: those that the server tells, ERR_ABORTED, ERR_NO_DEVICE (it is not there), ERR_DEVICE_LOST (it went away). */
  async send(sent: Sent): Promise<Received> {
    if (sent.signal?.aborted) throw aborted();
    return this.#received(await this.#exchange(sent), sent.signal);
  }

  /** Several answers, as they come; who stops taking them hangs up. Errors: those of `send`, whenever they come. */
  async *stream(sent: Sent): AsyncGenerator<Received, void> {
    if (sent.signal?.aborted) throw aborted();
    const response = await this.#exchange({ ...sent, headers: { ...sent.headers, accept: partsType } });
    if (!response.headers['content-type']?.startsWith(partsType)) {
      yield await this.#received(response, sent.signal);
      return;
    }
    const parts = partsOf(response);
    try {
      for (;;) {
        const { done, value } = await parts.next().catch((cause: Error) => {
          throw this.#goneWhile(sent.signal, cause);
        });
        if (done === true) return;
        const { headers, bytes } = value;
        const status = headers[partStatusHeader];
        if (status !== undefined) throw failureOf(Number(status), headers, Buffer.from(bytes).toString());
        yield receivedOf(headers, bytes);
      }
    } finally {
      await parts.return();
    }
  }

  async #received(response: IncomingMessage, signal: AbortSignal | undefined): Promise<Received> {
    const { statusCode = 0, headers } = response;
    let bytes: Uint8Array;
    try {
      bytes = await readBody(bodyOf(response), noLimits, noLease, Number(headers[headLength] ?? 0));
    } catch (cause) {
      throw this.#goneWhile(signal, cause as Error);
    }
    if (statusCode === 200) return receivedOf(headers, bytes);
    throw failureOf(statusCode, headers, Buffer.from(bytes).toString());
  }

  #goneWhile(signal: AbortSignal | undefined, cause: Error): TensorlaneError {
    if (signal?.aborted) return aborted();
    return new TensorlaneError('ERR_DEVICE_LOST', `the server at ${this.url} went away while it answered`, { cause });
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange({ method, path, headers = {}, body = [], signal }: Sent): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const length = body.reduce((sum, part) => sum + part.length, 0);
      const request = this.#library.request({
        ...this.#place,
        agent: this.#agent,
        method,
        path: this.#base + path,
        headers: { ...headers, ...(method === 'POST' ? { 'content-length': length } : {}) },
      });
      const onAbort = () => request.destroy(aborted());
      signal?.addEventListener('abort', onAbort, { once: true });
      request.once('close', () => signal?.removeEventListener('abort', onAbort));
      request.once('response', resolve);
      request.on('error', (cause) => reject(this.#lost(cause)));
      request.cork();
      for (const part of body) request.write(part);
      request.uncork();
      request.end();
    });
  }

  #lost(cause: Error): TensorlaneError {
    if (cause instanceof TensorlaneError) return cause;
    const isThere = !['ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'EACCES'].includes(
      (cause as NodeJS.ErrnoException).code ?? '',
    );
    const code = isThere ? 'ERR_DEVICE_LOST' : 'ERR_NO_DEVICE';
    const what = isThere ? 'went away' : 'cannot be reached';
    return new TensorlaneError(code, `the server at ${this.url} ${what}: ${cause.message}`, { cause });
  }
}

function receivedOf(headers: IncomingHttpHeaders, bytes: Uint8Array): Received {
  const head = headers[headLength];
  return { bytes, head: head === undefined ? bytes.length : Number(head) };
}

/** Without the brackets of IPv6. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function aborted(): TensorlaneError {
  return new TensorlaneError('ERR_ABORTED', 'run: cancelled by its signal');
}

/** As the server had it; by its status, where that is a server that is not ours. */
function failureOf(statusCode: number, headers: IncomingHttpHeaders, text: string): TensorlaneError {
  let message = text.slice(0, 1000) || `status ${statusCode}`;
  try {
    message = (JSON.parse(text) as { error?: string }).error ?? message;
  } catch {
    // It is told as it is.
  }
  const micros = headers[microsHeader];
  const seconds = headers['retry-after'];
  const retryAfterMicros =
    micros !== undefined ? Number(micros) : seconds !== undefined ? Number(seconds) * 1e6 : undefined;
  const code = (headers[codeHeader] as ErrorCode | undefined) ?? codeOf(statusCode);
  return new TensorlaneError(code, message, Number.isFinite(retryAfterMicros) ? { retryAfterMicros } : {});
}

function codeOf(status: number): ErrorCode {
  if (status === 404) return 'ERR_NOT_FOUND';
  if (status === 501) return 'ERR_NOT_SUPPORTED';
  if (status === 499) return 'ERR_ABORTED';
  if (status === 429 || status === 503) return 'ERR_OVERLOADED';
  if (status === 504) return 'ERR_TIMEOUT';
  return status < 500 ? 'ERR_ARGUMENT' : 'ERR_INTERNAL';
}
