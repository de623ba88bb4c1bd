// Random models of simulated time, and what the best of the settings that could be given by hand makes of each.

import { type BatcherSettings, completeBatcherOptions } from '../../lib/batching/options.js';
import { type ServedModel, serve } from './callers.js';
import { mulberry } from './simulation.js';

const sizes = [1, 2, 4, 8, 16, 32];
export const base = completeBatcherOptions({}, 'batching');
/** Nothing is fixed, on two cores. */
export const learning: BatcherSettings = {
  ...base,
  learns: {
    bounds: { leastRows: 1, mostRows: 32, leastAtOnce: 1, mostAtOnce: 2, leastThreads: 1, mostThreads: 2 },
    tuned: undefined,
  },
};

export interface RandomModel extends ServedModel {
  /** How long a row takes by itself. */
  readonly one: number;
  readonly helped: number;
}

export interface How {
  readonly seed: number;
  readonly thinkMicros: number;
}

/** A row by itself takes 0.2 to 10 ms, of which more or less is for the whole batch. A second thread may be a help or a hindrance. */
export function randomModel(seed: number, pauseMicros: number): RandomModel {
  const random = mulberry(seed * 77);
  const one = 10 ** (2.3 + 1.7 * random());
  const fixed = one * random() ** 0.7;
  const perRow = one - fixed;
  const cliff = random() < 0.4 ? 2 ** Math.floor(1 + 5 * random()) : Number.POSITIVE_INFINITY;
  const worse = 1 + 0.6 * random();
  const shared = random() < 0.3 ? 0.1 * random() : 1.1 * random();
  const noise = 0.03 + 0.09 * random();
  const helped = 0.6 + 0.6 * random();
  const micros = (rows: number) => fixed + perRow * rows * (rows >= cliff ? worse : 1);
  return { one, micros, shared, noise, helped, pauseMicros };
}

/** What a model without options could be given by hand. */
export interface Setting {
  readonly maxBatchSize: number;
  readonly concurrency: number;
  readonly threads: number;
}
const lanesAndThreads = [
  { concurrency: 1, threads: 1 },
  { concurrency: 1, threads: 2 },
  { concurrency: 2, threads: 2 },
];

/** For how many seconds it is watched once it has settled: long enough for some hundred batches. */
export const watched = (one: number) => Math.min(9, Math.max(1, one * 1e-3));

/** What the best fixed setting gives so many callers, in rows a second: of the five that should give the most. */
export async function best(model: RandomModel, count: number, how: How): Promise<number> {
  const candidates = sizes
    // All callers fit into one of the last.
    .filter((rows) => rows < 2 * count)
    .flatMap((maxBatchSize) => lanesAndThreads.map((one) => ({ ...one, maxBatchSize })));
  candidates.sort((a, b) => expected(b, model, count, how) - expected(a, model, count, how));
  const rates: number[] = [];
  for (const setting of candidates.slice(0, 5)) rates.push(await rateOf(model, setting, count, how));
  return Math.max(...rates);
}

/** What a fixed setting should give so many callers, in rows a second, but for the noise. */
function expected({ maxBatchSize, concurrency, threads }: Setting, model: RandomModel, count: number, how: How) {
  // With fewer callers than lanes the others are idle; where they do not fill all batches they are divided among them.
  const lanes = Math.min(concurrency, count);
  const rows = Math.min(maxBatchSize, Math.ceil(count / lanes));
  const helped = lanes === 1 && threads > 1 ? model.helped : 1;
  const micros = model.micros(rows, '') * (1 + model.shared * (lanes - 1)) * helped;
  // Who was answered last is not back yet when nobody else waits.
  return (lanes * rows * 1e6) / (micros + (lanes * rows < count ? 0 : how.thinkMicros));
}

/** What was simulated gives the same again, and what is learned is often one of the best. */
const simulated = new WeakMap<RandomModel, Map<string, number>>();

/** What a fixed setting gives. */
export async function rateOf(model: RandomModel, setting: Setting, count: number, how: How): Promise<number> {
  const { maxBatchSize, concurrency, threads } = setting;
  const key = [maxBatchSize, concurrency, threads, count, how.seed, how.thinkMicros].join();
  const known = simulated.get(model) ?? new Map<string, number>();
  simulated.set(model, known);
  const before = known.get(key);
  if (before !== undefined) return before;
  const seconds = 0.3 + watched(model.one);
  const { rate } = await serveBy(setting, model, count, seconds, how);
  const result = rate(0.3, seconds);
  known.set(key, result);
  return result;
}

function serveBy({ threads, ...setting }: Setting, model: RandomModel, count: number, seconds: number, how: How) {
  const helped = threads === 1 ? 1 : model.helped;
  return serve({ ...model, helped }, { ...base, ...setting }, [{ callers: count, seconds }], how);
}
