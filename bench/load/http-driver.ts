// Sends requests to an HTTP server: POST, a body of bytes there and one back, over connections that are kept.

import { Agent, type IncomingMessage, request as send } from 'node:http';

export class HttpDriver {
  readonly #url: URL;
  // The connection used last first: at low rates few stay warm, at high ones there are as many as requests on their way.
  readonly #agent = new Agent({ keepAlive: true, scheduling: 'lifo', noDelay: true });

  constructor(url: URL) {
    this.#url = url;
  }

  /** The body of the answer; any status but 200 rejects. */
  post(body: Uint8Array): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/octet-stream', 'content-length': body.byteLength };
      const outgoing = send(this.#url, { method: 'POST', agent: this.#agent, headers }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const answer = Buffer.concat(chunks);
          if (incoming.statusCode === 200) resolve(answer);
          else reject(new HttpError(incoming, answer));
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  /** Hangs up. What is still on its way rejects. */
  close(): void {
    this.#agent.destroy();
  }
}

export class HttpError extends Error {
  readonly status: number;

  constructor({ statusCode = 0, statusMessage = '' }: IncomingMessage, body: Buffer) {
    super(`${statusCode} ${statusMessage}: ${body.toString('utf8', 0, 200)}`);
    this.status = statusCode;
  }
}

/** By RFC 9110, a server that cannot take a request just now says 503, or 429 to one caller too eager. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof HttpError && (error.status === 503 || error.status === 429);
