// A clock that only moves when told to, and an executor whose batches end when told to.

import { Batcher, type BatcherParts, type SubmitOptions } from '../../lib/batching/batcher.js';
import { type BatcherOptions, completeBatcherOptions } from '../../lib/batching/options.js';
import type { Batch, Executor, Failure } from '../../lib/batching/running/executor.js';
import type { Clock } from '../../lib/batching/time/clock.js';
import type { Kind } from '../../lib/batching/waiting/request.js';

export class FakeClock implements Clock {
  #now = 0;
  #timers: { at: number; callback: () => void }[] = [];
  #turnEnds: (() => void)[] = [];

  now(): number {
    return this.#now;
  }

  after(microseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + microseconds, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  endOfTurn(callback: () => void): void {
    this.#turnEnds.push(callback);
  }

  get timers(): number {
    return this.#timers.length;
  }

  get isMidTurn(): boolean {
    return this.#turnEnds.length > 0;
  }

  /** Whether a timer should have called back before now. */
  get isLate(): boolean {
    return this.#timers.some(({ at }) => at <= this.#now);
  }

  /** Ends the turn: what was put off to its end runs, and then all promises that can settle. */
  async turn(): Promise<void> {
    for (const callback of this.#turnEnds.splice(0)) callback();
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }

  /** Time passes in which nothing runs, as while the thread is blocked: the timers of that time come late. */
  stall(microseconds: number): void {
    this.#now += microseconds;
  }

  async advance(microseconds: number): Promise<void> {
    const end = this.#now + microseconds;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#now = Math.max(this.#now, due.at);
      this.#timers = this.#timers.filter((other) => other !== due);
      due.callback();
      await this.turn();
    }
    this.#now = end;
    await this.turn();
  }
}

export interface FakeBatch {
  readonly items: readonly string[];
  readonly rows: number;
  readonly startedAt: number;
  /** With these results, or each item in capitals. */
  finish(results?: readonly (string | Failure)[]): Promise<void>;
  fail(reason: Error): Promise<void>;
}

export class FakeExecutor implements Executor<string, string> {
  /** Batches that run, oldest first. */
  readonly running: FakeBatch[] = [];
  /** What was run, in order; of a payload that is there in part, with its rows: 'a[2..4]'. */
  readonly log: string[][] = [];
  /** Rows with which each batch was to run, padding included. */
  readonly padded: number[] = [];
  readonly held = new Map<string, number>();
  /** Looks at each batch when it starts, or fails it by throwing, at once. */
  onRun: ((items: readonly string[], batch: Batch<string>) => void) | undefined;
  released = 0;

  constructor(readonly clock: FakeClock) {}

  hold(item: string): void {
    if (item === 'refused') throw new Error('refused');
    this.held.set(item, (this.held.get(item) ?? 0) + 1);
  }

  run(given: Batch<string>): Promise<readonly (string | Failure)[]> {
    const { payloads, rows, starts, total, padded } = given;
    const sum = rows.reduce((a, b) => a + b, 0);
    if (sum !== total || padded < total) throw new Error(`a batch of ${rows} says that it has ${total} rows`);
    for (const item of payloads) if (!this.held.get(item)) throw new Error(`'${item}' ran after it was released`);
    const mine = payloads.map((item, i) =>
      starts === undefined ? item : `${item}[${starts[i]}..${starts[i]! + rows[i]!}]`,
    );
    this.log.push(mine);
    this.padded.push(padded);
    this.onRun?.(mine, given);
    return new Promise((resolve, reject) => {
      const done = (settle: () => void) => {
        this.running.splice(this.running.indexOf(batch), 1);
        settle();
        return this.clock.turn();
      };
      const batch: FakeBatch = {
        items: mine,
        rows: total,
        startedAt: this.clock.now(),
        finish: (results) => done(() => resolve(results ?? mine.map((item) => item.toUpperCase()))),
        fail: (reason) => done(() => reject(reason)),
      };
      this.running.push(batch);
    });
  }

  join(results: readonly string[]): string {
    return results.join('+');
  }

  release(item: string): void {
    const held = this.held.get(item);
    if (!held) throw new Error(`'${item}' was released twice`);
    if (held === 1) this.held.delete(item);
    else this.held.set(item, held - 1);
    this.released++;
  }
}

/** A batcher on a clock that the test moves: batches of four, one at a time, unless the options say otherwise. */
export function setUp(options: BatcherOptions = {}, parts: Partial<BatcherParts & { clock: FakeClock }> = {}) {
  const clock: FakeClock = parts.clock ?? new FakeClock();
  const executor = new FakeExecutor(clock);
  const sizes = options.allowedBatchSizes === undefined ? { maxBatchSize: 4 } : {};
  const settings = completeBatcherOptions({ ...sizes, concurrency: 1, ...options }, 'batching');
  const batcher = new Batcher(executor, settings, { ...parts, clock });
  const submit = (
    item: string,
    { key = 'shape', rows = 1, alone = false, ...options }: Partial<Kind> & SubmitOptions = {},
  ) => batcher.submit(item, { key, rows, alone }, options);
  /** Ends all batches that run, and those that start then, oldest first. */
  const finishAll = async () => {
    await clock.turn();
    while (executor.running.length > 0) await executor.running[0]!.finish();
  };
  return { clock, executor, batcher, submit, finishAll };
}

/** What a promise has come to by now; undefined while it is not settled. */
export async function now<T>(promise: Promise<T>): Promise<T | undefined> {
  let result: T | undefined;
  void promise.then((value) => {
    result = value;
  });
  for (let i = 0; i < 20; i++) await Promise.resolve();
  return result;
}
