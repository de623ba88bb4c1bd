// How many bytes of tensors a worker holds at once. Those who ask are served in the order in which they came; one that asks for more than
// all there is gets it when it has everything to itself.

export class ByteBudget {
  readonly #all: number;
  #taken = 0;
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = [];

  constructor(bytes: number) {
    this.#all = bytes;
  }

  /** Gives what returns them. */
  async take(bytes: number): Promise<() => void> {
    const wanted = Math.min(bytes, this.#all);
    if (this.#waiting.length > 0 || this.#taken + wanted > this.#all) {
      await new Promise<void>((go) => this.#waiting.push({ bytes: wanted, go }));
    } else {
      this.#taken += wanted;
    }
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#taken -= wanted;
      this.#serve();
    };
  }

  #serve(): void {
    while (this.#waiting.length > 0 && this.#taken + this.#waiting[0]!.bytes <= this.#all) {
      const { bytes, go } = this.#waiting.shift()!;
      this.#taken += bytes;
      go();
    }
  }
}
