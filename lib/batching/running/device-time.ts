// What batches have had of a device that they share: of the time in which so many of them run, each has had one of so many parts.
//
// The rule it keeps: the parts of all batches together are the time in which any ran. So the setting that gives a model's rows the smallest
// parts is the one that leaves the most time for all, whoever runs beside it, and however seldom its turn comes.

export class DeviceTime {
  #running = 0;
  /** What a batch would have had that ran from the beginning on, by the moment of the last change. */
  #part = 0;
  #changed = 0;
  #lastEnd = 0;
  #busy = 0;

  /** A batch starts. Gives for how long nothing has run, and what its end is to be told. */
  start(now: number): { idle: number; since: number } {
    const idle = this.#running === 0 ? now - this.#lastEnd : 0;
    this.#pass(now);
    this.#running++;
    return { idle, since: this.#part };
  }

  /** A batch has ended. Gives its part. */
  end(now: number, since: number): number {
    this.#pass(now);
    this.#running--;
    this.#lastEnd = now;
    return this.#part - since;
  }

  /** For how long any has run until now. */
  busyMicros(now: number): number {
    return this.#busy + (this.#running > 0 ? now - this.#changed : 0);
  }

  #pass(now: number): void {
    if (this.#running > 0) {
      this.#part += (now - this.#changed) / this.#running;
      this.#busy += now - this.#changed;
    }
    this.#changed = now;
  }
}
