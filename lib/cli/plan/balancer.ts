// Who answers the next request, of several machines or processes: the same for the load that tune sends and for what plan simulates.
//
// The rule it keeps: a choice takes constant time however many there are, so that the cost of a simulation grows with its requests alone (by model, also
// with how many models one machine holds).

import type { Random } from '../load/random.js';
import { everywhere, type Placement } from './placement.js';

/**
 * - random: any.
 * - roundRobin: one after the other.
 * - leastLoaded: one of those with the fewest requests that are not answered, any of them.
 * - twoChoices: of two at random, the one with fewer (Mitzenmacher 2001).
 * - byModel: of those that hold its model, one of those with the fewest; by all others, each holds all models.
 */
export const policies = ['random', 'roundRobin', 'leastLoaded', 'twoChoices', 'byModel'] as const;
export type Policy = (typeof policies)[number];

export interface Balancer {
  /** Gives a request of this model to one; there has to be one that is up for it. */
  choose(model: number): number;
  /** A request that it was given has been answered, or was lost. */
  done(index: number): void;
  /** One more, which is not up yet; gives its number. By model, its place is known. */
  add(): number;
  /** From now on it is given requests, or none any more. */
  setUp(index: number, up: boolean): void;
  /** How many are given requests; of this model, or of any. */
  up(model?: number): number;
}

/** All are up to begin with. `placement`: by model, who has which; one model that all have where it is not given. */
export function balancer(policy: Policy, count: number, random: Random, placement = everywhere(count)): Balancer {
  if (policy === 'byModel') return new ByModel(placement, count, random);
  return policy === 'leastLoaded' ? new LeastLoaded(count, random) : new Simple(policy, count, random);
}

/** Members in any order; one is found, added or removed in constant time. */
class Members {
  readonly all: number[] = [];
  readonly #places = new Map<number, number>();

  has(member: number): boolean {
    return this.#places.has(member);
  }

  add(member: number): void {
    if (this.has(member)) return;
    this.#places.set(member, this.all.push(member) - 1);
  }

  remove(member: number): void {
    const place = this.#places.get(member);
    if (place === undefined) return;
    this.#places.delete(member);
    const last = this.all.pop()!;
    if (last === member) return;
    this.all[place] = last;
    this.#places.set(last, place);
  }
}

class Simple implements Balancer {
  readonly #policy: Policy;
  readonly #random: Random;
  readonly #members = new Members();
  readonly #loads: number[];
  #next = 0;

  constructor(policy: Policy, count: number, random: Random) {
    this.#policy = policy;
    this.#random = random;
    this.#loads = new Array<number>(count).fill(0);
    for (let i = 0; i < count; i++) this.#members.add(i);
  }

  up(): number {
    return this.#members.all.length;
  }

  choose(): number {
    const chosen = this.#chosen();
    this.#loads[chosen]!++;
    return chosen;
  }

  done(index: number): void {
    this.#loads[index]!--;
  }

  add(): number {
    return this.#loads.push(0) - 1;
  }

  setUp(index: number, up: boolean): void {
    if (up) this.#members.add(index);
    else this.#members.remove(index);
  }

  #chosen(): number {
    const { all } = this.#members;
    if (this.#policy === 'roundRobin') return all[this.#next++ % all.length]!;
    const one = this.#any();
    if (this.#policy === 'random') return one;
    const other = this.#any();
    return this.#loads[other]! < this.#loads[one]! ? other : one;
  }

  #any(): number {
    const { all } = this.#members;
    return all[Math.floor(this.#random() * all.length)]!;
  }
}

class LeastLoaded implements Balancer {
  readonly #random: Random;
  readonly #loads: number[];
  readonly #up: boolean[];
  /** Those that are up, by how many requests they have. */
  readonly #byLoad: Members[] = [];
  /** None has fewer. */
  #least = 0;
  #count: number;

  constructor(count: number, random: Random, isUp: (index: number) => boolean = () => true) {
    this.#random = random;
    this.#loads = new Array<number>(count).fill(0);
    this.#up = Array.from(this.#loads, (_, i) => isUp(i));
    for (const [i, up] of this.#up.entries()) if (up) this.#of(0).add(i);
    this.#count = this.#of(0).all.length;
  }

  up(): number {
    return this.#count;
  }

  choose(): number {
    while (this.#of(this.#least).all.length === 0) this.#least++;
    const { all } = this.#of(this.#least);
    const chosen = all[Math.floor(this.#random() * all.length)]!;
    this.took(chosen);
    return chosen;
  }

  /** It has one more, which was not chosen for it here. */
  took(index: number): void {
    this.#move(index, 1);
  }

  done(index: number): void {
    this.#move(index, -1);
  }

  add(): number {
    this.#up.push(false);
    return this.#loads.push(0) - 1;
  }

  setUp(index: number, up: boolean): void {
    if (this.#up[index] === up) return;
    this.#up[index] = up;
    this.#count += up ? 1 : -1;
    const load = this.#loads[index]!;
    if (up) {
      this.#of(load).add(index);
      this.#least = Math.min(this.#least, load);
    } else this.#of(load).remove(index);
  }

  #move(index: number, by: 1 | -1): void {
    const before = this.#loads[index]!;
    this.#loads[index] = before + by;
    if (!this.#up[index]) return;
    this.#of(before).remove(index);
    this.#of(before + by).add(index);
    this.#least = Math.min(this.#least, before + by);
  }

  #of(load: number): Members {
    while (this.#byLoad.length <= load) this.#byLoad.push(new Members());
    return this.#byLoad[load]!;
  }
}

/** For each model its own least loaded, of those that hold it; what a machine has of one model counts for all that it holds. */
class ByModel implements Balancer {
  readonly #placement: Placement;
  readonly #up: boolean[];
  readonly #ofModel: LeastLoaded[];
  #count: number;

  constructor(placement: Placement, count: number, random: Random) {
    this.#placement = placement;
    this.#up = new Array<boolean>(count).fill(true);
    this.#count = count;
    this.#ofModel = Array.from(
      { length: placement.models },
      (_, model) => new LeastLoaded(count, random, (index) => placement.of(index).includes(model)),
    );
  }

  up(model?: number): number {
    return model === undefined ? this.#count : this.#ofModel[model]!.up();
  }

  choose(model: number): number {
    const chosen = this.#ofModel[model]!.choose();
    for (const other of this.#placement.of(chosen)) if (other !== model) this.#ofModel[other]!.took(chosen);
    return chosen;
  }

  done(index: number): void {
    for (const model of this.#placement.of(index)) this.#ofModel[model]!.done(index);
  }

  add(): number {
    for (const least of this.#ofModel) least.add();
    return this.#up.push(false) - 1;
  }

  setUp(index: number, up: boolean): void {
    if (this.#up[index] === up) return;
    this.#up[index] = up;
    this.#count += up ? 1 : -1;
    for (const model of this.#placement.of(index)) this.#ofModel[model]!.setUp(index, up);
  }
}
