// A machine that is simulated: the scheduler as it is, before an executor whose batches take as long as was measured.
//
// The rule it keeps: batches that run at once share the machine. How far each has come is kept as a part of its whole, and goes on at the pace that
// was measured for as many at once as there are now.

import { Batcher } from '../../batching/batcher.js';
import type { Batch, Failure } from '../../batching/executor.js';
import type { BatcherSettings } from '../../batching/options.js';
import type { Random } from '../load/random.js';
import type { EventClock } from './event-clock.js';
import type { ServiceTimes } from './service.js';

interface RunningBatch {
  readonly rows: number;
  readonly threads: number;
  readonly rank: number;
  readonly done: () => void;
  /** What of it is left, from 1 to 0, and how long it would take as a whole at the present pace. */
  left: number;
  micros: number;
}

export class Machine {
  readonly #clock: EventClock;
  readonly #times: ServiceTimes;
  readonly #random: Random;
  readonly #batcher: Batcher<undefined, undefined>;
  readonly #running = new Set<RunningBatch>();
  #since = 0;
  #cancel: (() => void) | undefined;
  #busyMicros = 0;
  #failed = false;

  constructor(clock: EventClock, times: ServiceTimes, settings: BatcherSettings, random: Random) {
    this.#clock = clock;
    this.#times = times;
    this.#random = random;
    this.#batcher = new Batcher<undefined, undefined>(
      { run: (batch) => this.#run(batch), join: () => undefined },
      settings,
      { clock },
    );
  }

  submit(rows: number): Promise<undefined | Failure> {
    return this.#batcher.submit(undefined, { key: '', rows });
  }

  /** For how long it has had something to run. */
  get busyMicros(): number {
    return this.#busyMicros + (this.#running.size > 0 ? this.#clock.now() - this.#since : 0);
  }

  get batches(): { readonly count: number; readonly rows: number } {
    return this.#batcher.stats().batches;
  }

  /** What it has is never answered. */
  fail(): void {
    this.#failed = true;
    this.#cancel?.();
    this.#running.clear();
  }

  #run({ payloads, padded, threads = this.#times.mostThreads }: Batch<undefined>): Promise<readonly undefined[]> {
    return new Promise((resolve) => {
      if (this.#failed) return;
      this.#pass();
      this.#running.add({
        rows: padded,
        threads,
        rank: this.#random(),
        done: () => resolve(payloads as readonly undefined[]),
        left: 1,
        micros: 0,
      });
      this.#goOn();
    });
  }

  /** Until now they went on at their pace. */
  #pass(): void {
    const now = this.#clock.now();
    if (this.#running.size > 0) {
      const passed = now - this.#since;
      this.#busyMicros += passed;
      for (const batch of this.#running) batch.left -= passed / batch.micros;
    }
    this.#since = now;
  }

  /** At the pace of as many as there are now, until the first ends. */
  #goOn(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const atOnce = this.#running.size;
    let first: RunningBatch | undefined;
    let soonest = Number.POSITIVE_INFINITY;
    for (const batch of this.#running) {
      batch.micros = this.#times.micros(batch.rows, atOnce, batch.threads, batch.rank);
      const left = Math.max(0, batch.left * batch.micros);
      if (left >= soonest) continue;
      soonest = left;
      first = batch;
    }
    if (first === undefined) return;
    const ending = first;
    this.#cancel = this.#clock.after(soonest, () => {
      this.#pass();
      this.#running.delete(ending);
      this.#goOn();
      ending.done();
    });
  }
}
