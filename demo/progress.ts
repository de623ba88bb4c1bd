// Tells what is going on: on a terminal one line that keeps moving, elsewhere (a log, CI) one line a stage when it ends.
// The moving line is drawn by a timer of the same JS thread that serves the requests, so it would freeze if that did.

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

export class Progress {
  #label = '';
  #detail = '';
  #done = 0;
  #total = 0;
  #start = 0;
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #out = process.stderr;

  /** Runs one stage: shown while it runs, and with the time it took when it has ended. */
  async stage<T>(
    label: string,
    total: number,
    work: (report: (done: number, detail?: string) => void) => Promise<T>,
  ): Promise<T> {
    this.#label = label;
    this.#detail = '';
    this.#done = 0;
    this.#total = total;
    this.#start = performance.now();
    if (this.#out.isTTY) this.#timer = setInterval(() => this.#draw(), 80);
    try {
      const value = await work((done, detail = '') => {
        this.#done = done;
        this.#detail = detail;
      });
      this.#finish('✓');
      return value;
    } catch (error) {
      this.#finish('✗');
      throw error;
    }
  }

  #draw(): void {
    const frame = FRAMES[this.#frame++ % FRAMES.length] ?? '';
    const share = this.#total > 0 ? this.#done / this.#total : 0;
    const bar =
      this.#total > 0 ? ` ${'━'.repeat(Math.round(share * 24)).padEnd(24, '─')} ${this.#done}/${this.#total}` : '';
    const line = `${frame} ${this.#label}${bar} ${this.#detail}`;
    this.#out.write(`\r\x1b[2K${line.slice(0, (this.#out.columns ?? 80) - 1)}`);
  }

  #finish(sign: string): void {
    clearInterval(this.#timer);
    const seconds = ((performance.now() - this.#start) / 1000).toFixed(1);
    this.#out.write(`${this.#out.isTTY ? '\r\x1b[2K' : ''}${sign} ${this.#label} (${seconds} s)\n`);
  }
}
