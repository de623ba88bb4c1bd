// The messages of a call that are not whole yet.
//
// The rules: what comes is counted as it comes: a message is none of the budget's requests before it is whole, and holds as much all the same. Who
// has begun one sends on, or is cut off.

import type { ServerHttp2Stream } from 'node:http2';
import { Refusal } from '../core/errors.js';
import type { ByteBudget, Lease } from '../http/budget.js';
import { whereStill } from '../http/still.js';

/** What stands before each message: whether it is compressed, and how long it is. */
const prefixBytes = 5;

export class Arriving {
  readonly #stream: ServerHttp2Stream | undefined;
  readonly #lease: Lease;
  readonly #stallMillis: number;
  readonly #refuse: (error: unknown) => void;
  readonly #prefix = Buffer.alloc(prefixBytes);
  /** Of the prefix, what has come; and of the message, what is still to come. */
  #prefixed = 0;
  #left = 0;
  #length = 0;
  /** Of those that are whole and were not handed over, their lengths; and what is held altogether. */
  readonly #whole: number[] = [];
  #held = 0;
  #came = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `stream`: undefined, where it is not known; a message is counted when it is whole, then. */
  constructor(
    stream: ServerHttp2Stream | undefined,
    lease: ReturnType<ByteBudget['arriving']>,
    stallMillis: number,
    refuse: (error: unknown) => void,
  ) {
    this.#stream = stream;
    this.#lease = lease;
    this.#stallMillis = stallMillis;
    this.#refuse = refuse;
    // Before it is put with what came before. This does not make it flow.
    stream?.prependListener('data', this.#onData);
  }

  /** The next message goes on, to who counts it from here. */
  handOver(): void {
    this.#give(this.#whole.shift() ?? 0);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stream?.off('data', this.#onData);
    // It has not been answered, whatever it is.
    this.#give(this.#held);
    this.#lease.release();
  }

  #give(bytes: number): void {
    this.#held -= bytes;
    this.#lease.give(bytes);
  }

  readonly #onData = (part: Uint8Array): void => {
    this.#came += part.length;
    try {
      for (let at = 0; at < part.length; ) at += this.#read(part.subarray(at));
    } catch (error) {
      this.end();
      this.#refuse(error);
      return;
    }
    if (this.#prefixed === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    } else if (this.#timer === undefined) {
      const came = () => this.#came;
      const stalled = () => whereStill(came, () => this.#stalled());
      this.#timer = setTimeout(stalled, this.#stallMillis).unref();
    } else this.#timer.refresh();
  };

  /** How much of it is of what is read at present. */
  #read(part: Uint8Array): number {
    if (this.#prefixed < prefixBytes) {
      const taken = Math.min(part.length, prefixBytes - this.#prefixed);
      this.#prefix.set(part.subarray(0, taken), this.#prefixed);
      this.#prefixed += taken;
      if (this.#prefixed < prefixBytes) return taken;
      this.#length = this.#left = this.#prefix.readUInt32BE(1);
      if (this.#left === 0) this.#ended();
      return taken;
    }
    const taken = Math.min(part.length, this.#left);
    this.#lease.take(taken);
    this.#held += taken;
    this.#left -= taken;
    if (this.#left === 0) this.#ended();
    return taken;
  }

  #ended(): void {
    this.#whole.push(this.#length);
    this.#prefixed = 0;
  }

  #stalled(): void {
    // It has ended meanwhile.
    if (this.#timer === undefined) return;
    // It waits for us.
    if (this.#stream?.isPaused()) {
      this.#timer?.refresh();
      return;
    }
    this.#refuse(new Refusal('DEADLINE_EXCEEDED', 'nothing more of the request came for too long'));
    this.end();
  }
}
