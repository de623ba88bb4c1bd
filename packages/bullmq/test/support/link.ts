// A connection that can be cut: what is between a client and Redis, on a port of its own.

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Link {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #state: { cut: boolean };
  /** By clients. */
  readonly #said: WeakMap<Socket, string>;

  private constructor(server: Server, sockets: Set<Socket>, state: { cut: boolean }, said: WeakMap<Socket, string>) {
    this.#said = said;
    this.#server = server;
    this.#sockets = sockets;
    this.#state = state;
    this.url = `redis://127.0.0.1:${(server.address() as { port: number }).port}`;
  }

  static async start(port: number): Promise<Link> {
    const sockets = new Set<Socket>();
    const state = { cut: false };
    const said = new WeakMap<Socket, string>();
    const server = createServer((client) => {
      if (state.cut) return client.destroy();
      const upstream = connect(port, '127.0.0.1');
      client.on('data', (bytes) => said.set(client, (said.get(client) ?? '') + bytes.toString('latin1')));
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
      return undefined;
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Link(server, sockets, state, said);
  }

  /** Cuts every connection, and takes none until it is restored. */
  cut(): void {
    this.#state.cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Of connections whose client has said this, nothing comes through any more; they stay. */
  silence(word: string): void {
    for (const socket of this.#sockets) if (this.#said.get(socket)?.includes(word)) socket.unpipe().resume();
  }

  restore(): void {
    this.#state.cut = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
