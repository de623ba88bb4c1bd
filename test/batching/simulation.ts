// A server that is asked at random, in simulated time: what the scheduler makes of a load, without a device and the same on
// every machine. Batches take as long as a formula and a seeded random number say.

import { Batcher } from '../../lib/batching/batcher.js';
import { type BatcherOptions, completeBatcherOptions } from '../../lib/batching/options.js';
import { type Batch, Failure } from '../../lib/batching/running/executor.js';
import type { Clock } from '../../lib/batching/time/clock.js';

/** How long a batch takes: (fixed + perRow n), longer by `shared` of that for each other batch at once, times noise. */
export interface SimulatedModel {
  readonly fixed: number;
  readonly perRow: number;
  readonly shared: number;
  /** The standard deviation of the logarithm. */
  readonly noise: number;
  /** The shapes that are asked for, each as often as the others: how many times as long a batch of it takes; one by default. */
  readonly shapes?: readonly number[];
  /** Now and then the whole machine stops: for an exponential time of this mean, once in so many seconds at random. */
  readonly pauses?: { readonly meanMicros: number; readonly everySeconds: number };
}

export interface Load {
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
  /** Arrivals at 1.7 times the rate for a while, and at 0.3 times for as long. */
  readonly bursty?: boolean;
  readonly seed?: number;
}

export interface Outcome {
  /** Answers within the target, a second. */
  readonly goodput: number;
  /** The share of windows of half a second in which 99 of 100 answers were within the target. */
  readonly windowsKept: number;
  readonly rowsPerBatch: number;
  readonly refused: number;
  /** The share of requests that were refused, given up, or answered later than the target. */
  readonly lost: number;
}

/** The first third of the time, in which it learns, is not counted. */
export async function simulate(
  model: SimulatedModel,
  { rate, seconds, bursty = false, seed = 1 }: Load,
  targetMicros: number,
  options: BatcherOptions,
): Promise<Outcome> {
  const random = mulberry(seed);
  const chance = mulberry(seed + 1000);
  const clock = new EventClock();
  const { shapes = [1] } = model;
  const executor = timedExecutor(clock, random, {
    ...model,
    micros: (rows, shape) => (model.fixed + model.perRow * rows) * Number(shape),
  });
  const batcher = new Batcher(executor, completeBatcherOptions(options, 'batching'), { clock });

  const end = seconds * 1e6;
  const { pauses } = model;
  const pauseNext = (after: number) => {
    if (pauses === undefined) return;
    const at = after + exponential(chance) * pauses.everySeconds * 1e6;
    const until = at + exponential(chance) * pauses.meanMicros;
    clock.at(at, () => {
      clock.pause(until);
      pauseNext(until);
    });
  };
  pauseNext(0);
  const counted = end / 3;
  const answers: { arrived: number; micros: number }[] = [];
  let refused = 0;
  let asked = 0;
  const ask = (arrived: number) => {
    // What comes in the last moments may be answered after them.
    if (arrived >= counted && arrived < end - 2 * targetMicros) asked++;
    const key = `${shapes.length === 1 ? shapes[0] : shapes[Math.floor(chance() * shapes.length)]}`;
    void batcher.submit(key, { key, rows: 1 }).then((outcome) => {
      if (arrived < counted) return;
      if (outcome instanceof Failure) refused++;
      else answers.push({ arrived, micros: clock.now() - arrived });
    });
  };
  let phaseEnds = 0;
  let factor = bursty ? 0.3 : 1;
  const askNext = (after: number) => {
    if (bursty && after >= phaseEnds) {
      factor = 2 - factor;
      phaseEnds = after + 2e5 * exponential(random);
    }
    const arrival = after + (exponential(random) / (rate * factor)) * 1e6;
    if (arrival > end) return;
    clock.at(arrival, () => {
      ask(arrival);
      askNext(arrival);
    });
  };
  askNext(0);
  await clock.run(end);

  const windows = new Map<number, number[]>();
  for (const { arrived, micros } of answers) {
    const window = Math.floor(arrived / 5e5);
    windows.set(window, [...(windows.get(window) ?? []), micros]);
  }
  const kept = [...windows.values()].filter(
    (all) => all.filter((micros) => micros > targetMicros).length <= all.length / 100,
  );
  const { batches } = batcher.stats();
  const inTime = answers.filter(({ micros }) => micros <= targetMicros);
  const before = inTime.filter(({ arrived }) => arrived < end - 2 * targetMicros).length;
  return {
    goodput: inTime.length / ((end - counted) / 1e6),
    // What was never answered is lost, too.
    lost: 1 - before / asked,
    windowsKept: kept.length / windows.size,
    rowsPerBatch: batches.rows / batches.count,
    refused,
  };
}

export interface TimedModel {
  /** How long a batch takes by itself, on one thread, in microseconds. */
  readonly micros: (rows: number, payload: string) => number;
  /** By what part of that it is longer for each other batch at once. */
  readonly shared: number;
  /** How many times as long it takes where more threads may compute it and no other batch runs; 1 by default. */
  readonly helped?: number;
  /** For so many microseconds after the threads were changed they are on each other's cores, and a batch takes twice as long; 0 by default. */
  readonly placing?: number;
  /** How many times as long as usual everything takes on this machine at a moment, in microseconds; 1 by default. */
  readonly slower?: (now: number) => number;
  /** The standard deviation of the logarithm. */
  readonly noise: number;
  /** The most rows of a batch that does not fail, as where there is no memory for more; any by default. */
  readonly fits?: number;
}

/** Runs batches that take as long as the model's do, and gives what went in. */
export function timedExecutor(
  clock: EventClock,
  random: () => number,
  {
    micros,
    shared,
    noise,
    helped = 1,
    placing = 0,
    slower: machine = () => 1,
    fits = Number.POSITIVE_INFINITY,
  }: TimedModel,
) {
  let running = 0;
  let usual: number | undefined;
  let changed = Number.NEGATIVE_INFINITY;
  return {
    run: ({ payloads, padded, threads }: Batch<string>) =>
      new Promise<readonly string[]>((resolve, reject) => {
        const now = clock.now();
        if (threads !== usual) changed = now;
        usual = threads;
        const byThreads = threads === 1 ? 1 : now - changed < placing ? 2 : helped;
        const slower = (1 + shared * running) * (running === 0 ? byThreads : 1);
        running++;
        clock.after(machine(now) * micros(padded, payloads[0]!) * slower * Math.exp(noise * normal(random)), () => {
          running--;
          if (padded > fits) reject(new Error(`no memory for ${padded} rows`));
          else resolve(payloads);
        });
      }),
  };
}

/** Made once: eight for each event were garbage. */
const settled = Promise.resolve();

/** Time that passes from one event to the next. */
export class EventClock implements Clock {
  #now = 0;
  #count = 0;
  /** A binary heap, the earliest event first; of two at one time, the older. */
  readonly #events: { at: number; order: number; callback: (() => void) | undefined }[] = [];

  now(): number {
    return this.#now;
  }

  after(micros: number, callback: () => void): () => void {
    return this.at(this.#now + micros, callback);
  }

  endOfTurn(callback: () => void): void {
    this.at(this.#now, callback);
  }

  at(at: number, callback: () => void): () => void {
    const event = { at, order: this.#count++, callback: callback as (() => void) | undefined };
    this.#push(event);
    return () => {
      event.callback = undefined;
    };
  }

  /** Nothing happens until then; what was due by then happens then. */
  pause(until: number): void {
    this.#now = until;
  }

  async run(until: number): Promise<void> {
    for (let first = this.#events[0]; first !== undefined && first.at <= until; first = this.#events[0]) {
      this.#pop();
      if (first.callback === undefined) continue;
      this.#now = Math.max(this.#now, first.at);
      first.callback();
      // Whoever awaits what the event settled gets to run.
      for (let i = 0; i < 8; i++) await settled;
    }
    this.#now = until;
  }

  #isBefore(i: number, j: number): boolean {
    const [a, b] = [this.#events[i]!, this.#events[j]!];
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }

  #swap(i: number, j: number): void {
    [this.#events[i], this.#events[j]] = [this.#events[j]!, this.#events[i]!];
  }

  #push(event: { at: number; order: number; callback: (() => void) | undefined }): void {
    let i = this.#events.push(event) - 1;
    for (let parent = (i - 1) >> 1; i > 0 && this.#isBefore(i, parent); parent = (i - 1) >> 1) {
      this.#swap(i, parent);
      i = parent;
    }
  }

  #pop(): void {
    const last = this.#events.length - 1;
    this.#swap(0, last);
    this.#events.pop();
    for (let i = 0; ; ) {
      let child = 2 * i + 1;
      if (child >= last) return;
      if (child + 1 < last && this.#isBefore(child + 1, child)) child++;
      if (this.#isBefore(i, child)) return;
      this.#swap(i, child);
      i = child;
    }
  }
}

/** Tommy Ettinger's mulberry32. */
export function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const exponential = (random: () => number) => -Math.log(1 - random());
export const normal = (random: () => number) => Math.sqrt(2 * exponential(random)) * Math.cos(2 * Math.PI * random());
