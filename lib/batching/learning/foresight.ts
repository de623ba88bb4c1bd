// How long a batch takes that starts now, as far as those before it tell: for deadlines that cannot be kept any more, and for
// when a place in the queue comes free.
//
// The rule it keeps: nobody is given up for what is only feared. Each key (shape) is known by its own batches alone; where the last
// one was faster than the model of them says (the first run of a model is often its slowest), it counts and not the model; and what
// was learned long ago is forgotten, so that now and then a batch is tried.

import { BoundedMap } from '../bounded-map.js';
import { LatencyModel } from './latency-model.js';

/** What no batch has confirmed for so long, or for so many times as long as a batch takes, may not be so any more. */
const freshMicros = 1e6;
const freshBatches = 8;

interface Known {
  readonly time: LatencyModel;
  /** How many times as long as the model says the last batch took; 1 at most. */
  recent: number;
  /** When the last batch ended. */
  learned: number;
}

export class Foresight {
  readonly #keys = new BoundedMap<Known>();

  /** A batch of a key has ended, and succeeded. */
  learn(key: string, rows: number, micros: number, now: number): void {
    let known = this.#keys.get(key);
    if (known === undefined) {
      known = { time: new LatencyModel(), recent: 1, learned: now };
      this.#keys.set(key, known);
    }
    known.time.learn(rows, micros);
    const expected = known.time.predict(rows);
    known.recent = expected > micros ? micros / expected : 1;
    known.learned = now;
  }

  /** How long a batch of so many rows takes, in microseconds; 0 where that is not known. */
  predict(key: string, rows: number): number {
    const known = this.#keys.get(key);
    return known === undefined ? 0 : known.time.predict(rows) * known.recent;
  }

  /** How long it surely takes; 0 where that is not known, or not any more. */
  least(key: string, rows: number, now: number): number {
    const micros = this.predict(key, rows);
    if (micros === 0) return 0;
    return now - this.#keys.get(key)!.learned > Math.max(freshMicros, freshBatches * micros) ? 0 : micros;
  }
}
