// How many rows batches of a key (shape) may have, where some with more failed though each of their requests was answered alone: as
// where there is no memory for so many.
//
// The rules it keeps: after such a batch those of its key have at most half as many rows. Twice as many are allowed again after some
// batches, after twice as many each time that these fail too.

import { BoundedMap } from '../bounded-map.js';

/** After how many batches twice as many rows are allowed, at first and at most. */
const allowedAfter = { first: 256, most: 8192 };

interface Ceiling {
  rows: number;
  /** The batch after which twice as many are allowed, and after how many that is. */
  until: number;
  after: number;
}

export class Ceilings {
  readonly #keys = new BoundedMap<Ceiling>();

  /** The most rows of a batch, after so many batches of all keys. */
  of(key: string, batches: number): number {
    const ceiling = this.#keys.get(key);
    if (ceiling === undefined) return Number.POSITIVE_INFINITY;
    while (batches >= ceiling.until) {
      ceiling.rows *= 2;
      ceiling.until += ceiling.after;
    }
    return ceiling.rows;
  }

  /** A batch of so many rows failed, and nobody in it was the culprit. */
  failed(key: string, rows: number, batches: number): void {
    const before = this.#keys.get(key);
    // One that began before the last that failed had ended.
    if (before !== undefined && rows > before.rows) return;
    const after = before === undefined ? allowedAfter.first : Math.min(allowedAfter.most, 2 * before.after);
    this.#keys.set(key, { rows: Math.max(1, Math.floor(rows / 2)), until: batches + after, after });
  }
}
