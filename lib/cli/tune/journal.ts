// What has been measured so far, so that a run that was interrupted goes on where it was: a line of JSON for each step.
//
// The rule it keeps: the first line says of what (the model's bytes, the machine, the options); a file of something else is begun anew.

import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

export class Journal {
  readonly file: string;
  readonly #steps = new Map<string, unknown>();

  constructor(file: string, of: unknown) {
    this.file = file;
    const first = JSON.stringify(of);
    const [before, ...lines] = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    // What follows the last line's end was cut off as it was written.
    const whole = before === first ? lines.slice(0, -1) : [];
    for (const line of whole) {
      const { step, result } = JSON.parse(line) as { step: string; result: unknown };
      this.#steps.set(step, result);
    }
    writeFileSync(file, [first, ...whole, ''].join('\n'));
  }

  /** How many steps of before are taken over. */
  get steps(): number {
    return this.#steps.size;
  }

  has(step: string): boolean {
    return this.#steps.has(step);
  }

  /** What the step gave before; else takes it, and keeps that. */
  async step<T>(step: string, take: () => Promise<T>): Promise<T> {
    if (this.#steps.has(step)) return this.#steps.get(step) as T;
    const result = await take();
    appendFileSync(this.file, `${JSON.stringify({ step, result })}\n`);
    this.#steps.set(step, result);
    return result;
  }

  /** All is done. */
  remove(): void {
    rmSync(this.file, { force: true });
  }
}
