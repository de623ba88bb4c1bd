// The server below HTTP: HTTP/1.1 and HTTP/2 on one address, in the clear (h2c, by its first bytes) or over TLS (by ALPN), with the limits of
// connections.
//
// The rule: who connects and says nothing, or says it slowly, is cut off in the end, whichever of them it would have spoken.

import { rmSync, statSync } from 'node:fs';
import http, { type RequestListener } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Tls } from '../security/tls.js';
import type { Limits } from './limits.js';
import { keepSessions } from './sessions.js';
import { whereStill } from './still.js';

export interface Listener {
  readonly server: http.Server;
  /** Ends every connection, whatever is on it. */
  hangUp(): void;
}

/** How HTTP/2 begins; no other method does. */
const preface = 'PRI';
const keepAliveMillis = 72_000;
/** Of one connection: as many as its requests may share batches with. */
const mostStreams = 256;
/** What a client may send of a body before it is taken, of each stream and connection of HTTP/2. */
const windowBytes = 2 ** 20;

export function createListener(handler: RequestListener, limits: Limits, tls: Tls | undefined): Listener {
  const options = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: Math.min(limits.headerSeconds, limits.requestSeconds) * 1000,
    requestTimeout: limits.requestSeconds * 1000,
    connectionsCheckingInterval: Math.min(1000, limits.headerSeconds * 1000),
    keepAliveTimeout: keepAliveMillis,
    noDelay: true,
  };
  const server =
    tls === undefined
      ? http.createServer(options, handler)
      : https.createServer(
          {
            ...options,
            ...serverTls(tls),
            handshakeTimeout: options.headersTimeout,
            ALPNProtocols: ['h2', 'http/1.1'],
          },
          handler,
        );
  const h2 = http2.createServer(
    {
      settings: {
        maxConcurrentStreams: mostStreams,
        maxHeaderListSize: limits.headerBytes,
        initialWindowSize: windowBytes,
        enablePush: false,
      },
    },
    (request, response) => {
      // Settings hold only from when a client has them.
      if (bytesIn(request.rawHeaders) > limits.headerBytes) response.writeHead(431).end();
      else handler(request as never, response as never);
    },
  );
  const sessions = keepSessions(h2, { stallMillis: limits.stallSeconds * 1000, idleMillis: keepAliveMillis });
  h2.on('session', (session) => session.setLocalWindowSize(windowBytes));
  const event = tls === undefined ? 'connection' : 'secureConnection';
  const first = server.listeners(event) as ((this: http.Server, socket: Socket) => void)[];
  server.removeAllListeners(event);
  // Also those that neither of both protocols knows of yet.
  const accepted = new Set<Socket>();
  const silent = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    accepted.add(socket);
    socket.once('close', () => accepted.delete(socket));
  });
  const hand = (socket: Socket, isHttp2: boolean) => {
    if (isHttp2) {
      // HTTP/1.1 answers who has said all that it will; who ends a session is gone.
      socket.allowHalfOpen = false;
      h2.emit('connection', socket);
    } else for (const listener of first) listener.call(server, socket);
  };
  server.on(event, (socket: Socket & { alpnProtocol?: string | false }) => {
    if (tls !== undefined) hand(socket, socket.alpnProtocol === 'h2');
    else {
      silent.add(socket);
      socket.once('close', () => silent.delete(socket));
      peek(socket, options.headersTimeout, (isHttp2) => {
        silent.delete(socket);
        hand(socket, isHttp2);
      });
    }
  });
  // As fastify looks for: those of HTTP/2 are told to go, and end what they have first. Who has said nothing has nothing.
  const close = () => {
    sessions.close();
    for (const one of silent) one.destroy();
  };
  Object.assign(server, { closeHttp2Sessions: close });
  return {
    server,
    hangUp() {
      sessions.hangUp();
      server.closeAllConnections();
      // When those of HTTP/2 have been told.
      setImmediate(() => setImmediate(() => accepted.forEach((one) => void one.destroy())));
    },
  };
}

function bytesIn(headers: readonly string[]): number {
  return headers.reduce((sum, one) => sum + one.length, 0);
}

/** Looks at what a client says first, and leaves it where it was. */
function peek(socket: Socket, millis: number, then: (isHttp2: boolean) => void): void {
  const drop = () => socket.destroy();
  let held = Buffer.alloc(0);
  let isHanded = false;
  const late = () =>
    whereStill(
      () => held.length,
      () => {
        if (!isHanded) drop();
      },
    );
  const look = () => {
    const bytes = socket.read() as Buffer | null;
    // It has ended.
    if (bytes === null) return;
    held = Buffer.concat([held, bytes]);
    const said = held.toString('latin1', 0, preface.length);
    if (said.length < preface.length && preface.startsWith(said)) return;
    isHanded = true;
    socket.off('readable', look).off('error', drop).off('timeout', late).off('end', drop).setTimeout(0);
    socket.unshift(held);
    then(said === preface);
  };
  socket.setTimeout(millis);
  socket.on('readable', look).on('error', drop).on('timeout', late).on('end', drop);
}

interface ServerTls {
  cert: Buffer;
  key: Buffer;
  ca?: Buffer;
  requestCert?: true;
  rejectUnauthorized?: true;
}

/** What node:tls takes. */
function serverTls({ cert, key, ca }: Tls): ServerTls {
  return { cert, key, ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }) };
}

/** Takes away the socket of a process that has ended without doing so; one that is listened on stays. */
export async function removeStale(path: string): Promise<void> {
  if (!statSync(path, { throwIfNoEntry: false })?.isSocket()) return;
  const isListening = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
  if (!isListening) rmSync(path, { force: true });
}
