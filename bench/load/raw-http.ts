// Sends one and the same HTTP request over connections that are kept, and reads the answers: as little work a request as may be, because
// what the load program costs, the server does not get on a machine of few cores.
//
// It understands what servers answer here: HTTP/1.1 with a Content-Length.

import { connect, type Socket } from 'node:net';

export class RawStatus extends Error {
  constructor(
    readonly status: number,
    body: Buffer,
  ) {
    super(`${status}: ${body.toString('utf8', 0, 200)}`);
  }
}

/** By RFC 9110, a server that cannot take a request just now says 503, or 429 to one caller too eager. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof RawStatus && (error.status === 503 || error.status === 429);

export interface RawRequest {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export class RawHttp {
  readonly #host: string;
  readonly #port: number;
  readonly #request: Buffer;
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();

  constructor({ url, headers = {}, body }: RawRequest) {
    const { hostname, port, pathname } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
    const all = { host: `${hostname}:${port}`, 'content-length': String(body.length), ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#request = Buffer.concat([Buffer.from(`POST ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n`), body]);
  }

  /** The body of the answer; any status but 200 rejects. The connection used last is used first. */
  async post(): Promise<Buffer> {
    const connection = this.#idle.pop() ?? this.#open();
    const { status, body } = await connection.send(this.#request);
    this.#idle.push(connection);
    if (status === 200) return body;
    throw new RawStatus(status, body);
  }

  /** Hangs up. What is still on its way rejects. */
  close(): void {
    for (const connection of this.#all) connection.close();
  }

  #open(): Connection {
    const connection = new Connection(this.#host, this.#port);
    this.#all.add(connection);
    return connection;
  }
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #status = 0;
  /** Where the body begins and ends; 0: the head is not whole. */
  #start = 0;
  #end = 0;
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  #lost: Error | undefined;

  constructor(host: string, port: number) {
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.on('data', (part: Buffer) => this.#add(part));
    this.#socket.on('error', (error) => this.#lose(error));
    this.#socket.on('close', () => this.#lose(new Error('the server hung up')));
  }

  send(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) return reject(this.#lost);
      this.#waiting = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #lose(error: Error): void {
    this.#lost ??= error;
    this.#waiting?.reject(this.#lost);
    this.#waiting = undefined;
  }

  #add(part: Buffer): void {
    this.#received = this.#received.length === 0 ? part : Buffer.concat([this.#received, part]);
    if (this.#end === 0) {
      const headEnd = this.#received.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const head = this.#received.toString('latin1', 0, headEnd);
      this.#status = Number(head.slice(9, 12));
      this.#start = headEnd + 4;
      this.#end = this.#start + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    }
    if (this.#received.length < this.#end) return;
    const answer = { status: this.#status, body: this.#received.subarray(this.#start, this.#end) };
    this.#received = this.#received.subarray(this.#end);
    this.#end = 0;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(answer);
  }
}
