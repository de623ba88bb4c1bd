// How much longer rows of one key (shape) take than those of another: a picture twice as wide costs twice as much.
//
// The rules it keeps: the first key is the measure of the others, and costs 1. A key's first batch says what it costs; those after it correct
// that, each by little. A key that nothing is known of is taken to cost what most did of late.

import { BoundedMap } from '../bounded-map.js';

/** The weight of a batch: of the first ones of a key their mean counts. */
const weight = 0.1;
/** What a first batch may say: a pause must not make a shape look impossible. */
const bounds = { least: 1 / 256, most: 256 };

interface Cost {
  value: number;
  batches: number;
}

export class Costs {
  readonly #keys = new BoundedMap<Cost>();
  /** The key that costs 1. */
  #measure: Cost | undefined;
  #usual = 1;

  /** What a row costs, of late, whatever its key. */
  get usual(): number {
    return this.#usual;
  }

  isKnown(key: string): boolean {
    return this.#keys.has(key);
  }

  of(key: string): number {
    return this.#keys.get(key)?.value ?? this.#usual;
  }

  /** A batch of the key has shown that its rows cost so much. */
  learn(key: string, shown: number): void {
    let cost = this.#keys.get(key);
    if (cost === undefined) {
      cost = { value: Math.min(bounds.most, Math.max(bounds.least, shown)), batches: 0 };
      this.#keys.set(key, cost);
      if (this.#measure === undefined) {
        cost.value = 1;
        this.#measure = cost;
      }
    }
    cost.batches++;
    if (cost !== this.#measure) {
      const ratio = Math.min(4, Math.max(0.25, shown / cost.value));
      cost.value *= 1 + Math.max(weight, 1 / cost.batches) * (ratio - 1);
    }
    this.#usual += weight * (cost.value - this.#usual);
  }
}
