// The connections of HTTP/2, whoever serves them: those of whom nobody is there any more are found, and all can be cut off.
//
// The rule: a connection that cannot be heard any more holds nothing, and none outlasts its server. Node stops reading a session whose client broke
// the protocol: no event tells of it, nor of the client's leaving, and its memory and its file descriptor stay. And Node waits without an end
// for the other side of a session that it has closed. Nobody is cut off for what we did not hear because we did not listen.

import type { Http2SecureServer, Http2Server, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

export interface Sessions {
  /** Tells every client to go, when it has what is on the way. */
  close(): void;
  /** Ends every connection, whatever is on it. */
  hangUp(): void;
}

/** How often those are looked for that have broken the protocol. */
const lookMillis = 1000;
/** So much every system takes at once of what is sent, however slow the client is. */
const leastBuffered = 16 * 1024;

export interface SessionLimits {
  /** Who lets nothing be heard for so long, although it was asked, is cut off. */
  readonly stallMillis: number;
  /** Who has asked for nothing for so long is told to go; undefined: it may stay. */
  readonly idleMillis?: number;
}

/** Of a server's connections from here on. */
export function keepSessions(server: Http2Server | Http2SecureServer, limits: SessionLimits): Sessions {
  const watched = new Set<Watched>();
  let timer: NodeJS.Timeout | undefined;
  const clock = new Clock(Math.min(lookMillis, limits.stallMillis / 2));
  const look = () => {
    const now = clock.tick();
    for (const one of watched) one.look(now, limits);
  };
  // What has come meanwhile is read first.
  const lookNext = () => setImmediate(look).unref();
  // A session does not give its socket away, and begins within the event of it.
  let last: Socket | undefined;
  /** Also those whose handshake of TLS is not over. */
  const accepted = new Set<Socket>();
  const connected = (socket: Socket) => {
    last = socket;
    accepted.add(socket);
    socket.once('close', () => accepted.delete(socket));
  };
  server.prependListener('connection', connected).prependListener('secureConnection', connected);
  server.on('session', (session: ServerHttp2Session) => {
    const socket = last!;
    last = undefined;
    const one = new Watched(session, socket, clock);
    watched.add(one);
    if (limits.idleMillis !== undefined) one.countStreams();
    timer ??= setInterval(lookNext, clock.period).unref();
    socket.once('close', () => {
      watched.delete(one);
      if (watched.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    });
  });
  return {
    close() {
      for (const { session } of watched) session.close();
    },
    hangUp() {
      for (const { session } of watched) session.destroy();
      // A moment later, so that they are told. One that was closed before waits for its client, whatever else it is told.
      setImmediate(() => {
        for (const socket of accepted) socket.destroy();
      });
    },
  };
}

/** The time in which this process listened: where its loop stood still, so does this. */
class Clock {
  readonly period: number;
  #last = performance.now();
  #now = 0;

  /** It is looked at so often, in milliseconds. */
  constructor(period: number) {
    this.period = period;
  }

  /** As of when it was looked at last. */
  get now(): number {
    return this.#now;
  }

  /** Looks at it. */
  tick(): number {
    const now = performance.now();
    this.#now += Math.min(now - this.#last, this.period);
    this.#last = now;
    return this.#now;
  }
}

class Watched {
  readonly session: ServerHttp2Session;
  readonly socket: Socket;
  readonly #clock: Clock;
  /** When something came last. */
  #heardAt: number;
  #bytesRead = 0;
  /** What had come when it was known last that it is still read. */
  #knownBytes = -1;
  /** Of what was written, what the client has for certain. */
  #bytesTaken = 0;
  /** The ping that was not answered yet. */
  #asked: { readonly at: number; readonly bytesWritten: number } | undefined;
  #endedAt: number | undefined;
  #streams = 0;
  #idleSince: number;

  constructor(session: ServerHttp2Session, socket: Socket, clock: Clock) {
    this.session = session;
    this.socket = socket;
    this.#clock = clock;
    this.#heardAt = this.#idleSince = clock.now;
  }

  /** For `idleMillis`: a timer of Node's own stays, and holds the session, when that has ended. */
  countStreams(): void {
    this.session.on('stream', (stream) => {
      this.#streams++;
      stream.once('close', () => {
        this.#streams--;
        this.#idleSince = this.#clock.now;
      });
    });
  }

  look(now: number, { stallMillis, idleMillis = Infinity }: SessionLimits): void {
    const { session, socket } = this;
    if (session.destroyed) {
      this.#endedAt ??= now;
      if (now - this.#endedAt >= stallMillis) socket.destroy();
      return;
    }
    // It ends with what it still has, and is not asked any more.
    if (session.closed) return;
    if (this.#streams === 0 && now - this.#idleSince >= idleMillis) {
      session.close();
      return;
    }
    const { bytesRead } = socket;
    if (bytesRead !== this.#bytesRead) this.#heardAt = now;
    this.#bytesRead = bytesRead;
    const asked = this.#asked;
    if (asked === undefined) {
      // It can only have been broken by what came.
      if (bytesRead !== this.#knownBytes || now - this.#heardAt >= stallMillis) this.#ask(now);
      return;
    }
    const isSilent = now - Math.max(asked.at, this.#heardAt) >= stallMillis;
    if (isSilent || this.#isBroken(asked.bytesWritten)) session.destroy();
  }

  #ask(now: number): void {
    const { session, socket } = this;
    const { bytesWritten } = socket;
    this.#asked = { at: now, bytesWritten };
    session.ping(() => {
      this.#asked = undefined;
      this.#bytesTaken = bytesWritten;
      this.#knownBytes = socket.bytesRead;
    });
  }

  /** The ping was not sent, although there is room for it: so it is with all of a session from when it was broken. */
  #isBroken(bytesWritten: number): boolean {
    return this.socket.bytesWritten === bytesWritten && bytesWritten - this.#bytesTaken < leastBuffered;
  }
}
