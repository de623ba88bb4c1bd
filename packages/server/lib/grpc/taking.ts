// The answers of a call that its client has not taken yet.
//
// The rule, as over HTTP: who takes nothing for too long is cut off, and so is who takes a message so slowly that it is not gone in the time that
// a request has. With that all ends that waits for it.

import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Limits } from '../http/limits.js';

export class Taking {
  readonly #stream: ServerHttp2Stream | undefined;
  readonly #limits: Limits;
  /** Messages that were not taken yet. */
  #waiting = 0;
  #soon: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: ServerHttp2Stream | undefined, limits: Limits) {
    this.#stream = stream;
    this.#limits = limits;
  }

  /** What is given back is to be called when it has been taken. */
  sent(): () => void {
    this.#waiting++;
    // Most are gone by then, and need no timer.
    if (this.#timer === undefined) this.#soon ??= setImmediate(() => this.#watch());
    return () => {
      this.#waiting--;
      if (this.#timer === undefined) return;
      if (this.#waiting === 0) this.end();
      else this.#timer.refresh();
    };
  }

  end(): void {
    clearImmediate(this.#soon);
    clearTimeout(this.#timer);
    this.#soon = this.#timer = undefined;
    this.#stream?.setTimeout(0);
    this.#stream?.off('timeout', this.#cutOff);
  }

  #watch(): void {
    this.#soon = undefined;
    const stream = this.#stream;
    if (this.#waiting === 0 || stream === undefined || stream.destroyed) return;
    // Node sees there whether anything of a message has gone.
    stream.setTimeout(this.#limits.stallSeconds * 1000);
    stream.on('timeout', this.#cutOff);
    // Whoever has other calls on the connection is never still.
    this.#timer = setTimeout(this.#cutOff, this.#limits.requestSeconds * 1000).unref();
  }

  readonly #cutOff = (): void => {
    this.end();
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  };
}
