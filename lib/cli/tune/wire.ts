// How the load reaches a process that is measured: over a socket of the machine's, some ten microseconds a request, so that it costs the
// measured process next to nothing. The inputs lie there already; a request only says which.
//
// A request is 4 bytes, its number (modulo 2^31; with the highest bit, nothing is run for it). An answer is the same 4 bytes and what
// became of it. What comes in one turn is sent in one write.

import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Outcome } from '../load/open-loop.js';

const echo = 0x80000000;
const answerBytes = 5;

/** Serves requests, by their numbers, from now on; gives the socket's path. */
export async function listen(run: (request: number) => Promise<unknown>, isShed: (error: unknown) => boolean) {
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-tune-'));
  const path = join(folder, 'socket');
  const server = createServer((socket) => serve(socket, run, isShed));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return { path, close: () => server.close() };
}

function serve(socket: Socket, run: (request: number) => Promise<unknown>, isShed: (error: unknown) => boolean): void {
  const answers = new Outbox(socket);
  readRecords(socket, 4, (record) => {
    const id = record.readUInt32LE(0);
    const answer = (outcome: number) => {
      const bytes = Buffer.allocUnsafe(answerBytes);
      bytes.writeUInt32LE(id, 0);
      bytes[4] = outcome;
      answers.push(bytes);
    };
    if (id >= echo) return answer(Outcome.answered);
    run(id).then(
      () => answer(Outcome.answered),
      (error) => answer(isShed(error) ? Outcome.shed : Outcome.failed),
    );
  });
  socket.on('error', () => {}); // who hung up wants no answer
}

/** What a request that was refused on purpose, or failed, rejects with. */
export class Unanswered extends Error {
  constructor(readonly outcome: number) {
    super(outcome === Outcome.shed ? 'it was refused' : 'it failed');
  }
}

/** The load's end of it. */
export class Line {
  readonly #socket: Socket;
  readonly #requests: Outbox;
  readonly #waiting = new Map<number, { resolve(): void; reject(error: Error): void }>();
  #next = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#requests = new Outbox(socket);
    readRecords(socket, answerBytes, (record) => {
      const id = record.readUInt32LE(0);
      const waiting = this.#waiting.get(id)!;
      this.#waiting.delete(id);
      if (record[4] === Outcome.answered) waiting.resolve();
      else waiting.reject(new Unanswered(record[4]!));
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the process that is measured has ended'));
    });
  }

  static async open(path: string): Promise<Line> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new Line(socket);
  }

  /** Errors: Unanswered. */
  request(): Promise<void> {
    this.#next = (this.#next + 1) % echo;
    return this.#send(this.#next);
  }

  /** There and back, without a run. */
  echo(): Promise<void> {
    return this.#send(echo);
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(id: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const bytes = Buffer.allocUnsafe(4);
      bytes.writeUInt32LE(id, 0);
      this.#requests.push(bytes);
    });
  }
}

/** Sends all that was pushed in a turn at its end. */
class Outbox {
  readonly #socket: Socket;
  #waiting: Buffer[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  push(bytes: Buffer): void {
    if (this.#waiting.push(bytes) === 1) setImmediate(() => this.#send());
  }

  #send(): void {
    const all = this.#waiting;
    this.#waiting = [];
    if (!this.#socket.destroyed) this.#socket.write(all.length === 1 ? all[0]! : Buffer.concat(all));
  }
}

function readRecords(socket: Socket, size: number, onRecord: (record: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (; at + size <= bytes.length; at += size) onRecord(bytes.subarray(at, at + size));
    rest = bytes.subarray(at);
  });
}
