// A machine that is simulated: the scheduler as it is, for each model that it is asked for, before an executor whose batches take as long as was measured.
//
// The rules it keeps: batches that run at once share the machine's cores, whichever process or model they are of. How far each has come is kept as a
// part of its whole, and goes on at the pace that was measured for as many at once as there are now. Models share lanes as those of a device do.

import { Batcher } from '../../batching/batcher.js';
import type { BatcherSettings } from '../../batching/options.js';
import type { Batch, Failure } from '../../batching/running/executor.js';
import { Limiter } from '../../batching/running/limiter.js';
import { noLatencies } from '../../core/latency.js';
import type { Random } from '../load/random.js';
import type { EventClock } from './event-clock.js';
import type { ServiceTimes } from './service.js';

interface RunningBatch {
  readonly of: Machine;
  readonly times: ServiceTimes;
  readonly rows: number;
  readonly threads: number;
  readonly rank: number;
  readonly done: () => void;
  /** What of it is left, from 1 to 0, and how long it would take as a whole at the present pace. */
  left: number;
  micros: number;
}

/** What runs batches: a machine's own, or of several processes of one machine. */
export class Cores {
  readonly #clock: EventClock;
  readonly #running = new Set<RunningBatch>();
  #since = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: EventClock) {
    this.#clock = clock;
  }

  start(batch: Omit<RunningBatch, 'left' | 'micros'>): void {
    this.#pass();
    this.#running.add({ ...batch, left: 1, micros: 0 });
    this.#goOn();
  }

  /** What the machine has there is never done. */
  drop(of: Machine): void {
    this.#pass();
    for (const batch of this.#running) if (batch.of === of) this.#running.delete(batch);
    this.#goOn();
  }

  /** Until now they went on at their pace. */
  #pass(): void {
    const now = this.#clock.now();
    const passed = now - this.#since;
    if (passed > 0) for (const batch of this.#running) batch.left -= passed / batch.micros;
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
      batch.micros = batch.times.micros(batch.rows, atOnce, batch.threads, batch.rank);
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

/** A model as machines have it. */
export interface PlannedModel {
  readonly settings: BatcherSettings;
  readonly times: ServiceTimes;
}

export interface MachineParts {
  readonly clock: EventClock;
  readonly models: readonly PlannedModel[];
  readonly random: Random;
  /** Of its own where they are not given. */
  readonly cores?: Cores | undefined;
}

export class Machine {
  readonly #clock: EventClock;
  readonly #models: readonly PlannedModel[];
  readonly #random: Random;
  readonly #cores: Cores;
  /** Of each model, once it is asked for. */
  readonly #batchers: (Batcher<undefined, undefined> | undefined)[];
  /** Who runs next, where there are several. */
  readonly #limiter: Limiter | undefined;
  #running = 0;
  #busySince = 0;
  #busyMicros = 0;
  #failed = false;

  constructor({ clock, models, random, cores }: MachineParts) {
    this.#clock = clock;
    this.#models = models;
    this.#random = random;
    this.#cores = cores ?? new Cores(clock);
    this.#batchers = models.map(() => undefined);
    const lanes = Math.max(...models.map(({ times }) => times.mostAtOnce));
    this.#limiter = models.length > 1 ? new Limiter(lanes) : undefined;
  }

  submit(model: number, rows: number): Promise<undefined | Failure> {
    this.#batchers[model] ??= this.#batcher(this.#models[model]!);
    return this.#batchers[model].submit(undefined, { key: '', rows });
  }

  /** For how long it has had something to run. */
  get busyMicros(): number {
    return this.#busyMicros + (this.#running > 0 ? this.#clock.now() - this.#busySince : 0);
  }

  batches(model: number): { readonly count: number; readonly rows: number } {
    return this.#batchers[model]?.stats().batches ?? { count: 0, rows: 0 };
  }

  /** What it has is never answered. */
  fail(): void {
    this.#failed = true;
    this.#cores.drop(this);
    this.#busyMicros = this.busyMicros;
    this.#running = 0;
  }

  #batcher({ settings, times }: PlannedModel): Batcher<undefined, undefined> {
    const executor = { run: (batch: Batch<undefined>) => this.#run(times, batch), join: () => undefined };
    const limiter = this.#limiter && { of: this.#limiter, resources: 1, weight: 1 };
    return new Batcher(executor, settings, { clock: this.#clock, latencies: noLatencies, limiter });
  }

  #run(
    times: ServiceTimes,
    { payloads, padded, threads = times.mostThreads }: Batch<undefined>,
  ): Promise<readonly undefined[]> {
    return new Promise((resolve) => {
      if (this.#failed) return;
      if (this.#running++ === 0) this.#busySince = this.#clock.now();
      const done = () => {
        if (--this.#running === 0) this.#busyMicros += this.#clock.now() - this.#busySince;
        resolve(payloads as readonly undefined[]);
      };
      this.#cores.start({ of: this, times, rows: padded, threads, rank: this.#random(), done });
    });
  }
}
