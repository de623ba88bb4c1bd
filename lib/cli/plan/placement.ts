// Which machines hold which models, where requests go by model.
//
// The rule it keeps: every machine has as much to do as any other. The models lie one after the other on a line as long as there are machines, each with
// the part that its requests take of all the work, and a machine holds what lies between its number and the next: so a model shares machines with its two
// neighbours at the most, or has a part of one. Two hold each, where there are two, so that one may fail.

/** So many hold a model at least. */
const leastCopies = 2;

/** Which models machines hold, also of those that come and go. */
export class Placement {
  readonly models: number;
  readonly #holds: (readonly number[])[];
  /** How many hold each model. */
  readonly #copies: number[];

  constructor(models: number, holds: readonly (readonly number[])[]) {
    this.models = models;
    this.#holds = [...holds];
    this.#copies = new Array<number>(models).fill(0);
    for (const own of holds) for (const model of own) this.#copies[model]!++;
  }

  of(machine: number): readonly number[] {
    return this.#holds[machine]!;
  }

  /** One more machine, for this model. */
  add(model: number): void {
    this.#copies[model]!++;
    this.#holds.push([model]);
  }

  /** Whether this machine holds that model alone, and enough others do; if so, it counts no more. */
  takeAway(machine: number, model: number): boolean {
    const models = this.of(machine);
    if (models.length > 1 || models[0] !== model || this.#copies[model]! <= leastCopies) return false;
    this.#copies[model]!--;
    return true;
  }
}

/** One model, which all have. */
export const everywhere = (machines: number) => new Placement(1, new Array<readonly number[]>(machines).fill([0]));

/** Of so many machines, each with its part; `work` is what the requests of each model take, in any unit. */
export function placed(machines: number, work: readonly number[]): Placement {
  const holds: number[][] = Array.from({ length: machines }, () => []);
  const all = work.reduce((sum, one) => sum + one, 0);
  let end = 0;
  for (const [model, own] of work.entries()) {
    const from = end;
    end += (machines * own) / all;
    const first = Math.min(machines - 1, Math.floor(from + 1e-6));
    const last = Math.max(first, Math.ceil(end - 1e-6) - 1);
    const copies = Math.max(last - first + 1, Math.min(machines, leastCopies));
    const start = Math.min(first, machines - copies);
    for (let i = 0; i < copies; i++) holds[start + i]!.push(model);
  }
  return new Placement(work.length, holds);
}
