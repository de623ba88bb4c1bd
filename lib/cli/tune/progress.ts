// How far the measuring is: on a terminal, on one line; elsewhere, a line for each tenth.

export class Progress {
  readonly #seconds: number;
  readonly #out: NodeJS.WriteStream;
  readonly #start = performance.now();
  #tenth = -1;

  /** So many seconds are planned. */
  constructor(seconds: number, out: NodeJS.WriteStream = process.stderr) {
    this.#seconds = seconds;
    this.#out = out;
  }

  /** What share is done, from 0 to 1, and what comes next. */
  at(share: number, what: string): void {
    const line = `${String(Math.floor(share * 100)).padStart(3)}%  ${what}`;
    if (this.#out.isTTY) {
      const left = Math.max(0, this.#seconds - (performance.now() - this.#start) / 1000);
      this.#out.write(`\r\x1b[K${line}  (some ${Math.ceil(left)} s left)`);
    } else if (Math.floor(share * 10) > this.#tenth) {
      this.#tenth = Math.floor(share * 10);
      this.#out.write(`${line}\n`);
    }
  }

  end(): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[K');
  }
}
