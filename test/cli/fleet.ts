// Machines and requests of made-up times, for tests of what is simulated.

import { completeBatcherOptions } from '../../lib/batching/options.js';
import { schedule } from '../../lib/cli/load/arrivals.js';
import { ServiceTimes } from '../../lib/cli/plan/service.js';
import type { Asked, Fleet, FleetModel } from '../../lib/cli/plan/simulate.js';
import { type MeasuredCell, shares } from '../../lib/cli/tune/file.js';

/** Batches that all take so long, or from the first number to the second. */
export function cell(rows: number, atOnce: number, micros: number, to = micros): MeasuredCell {
  return { rows, atOnce, threads: 1, micros: shares.map((share) => micros + share * (to - micros)), batches: 100 };
}

export const onlyOne = [cell(1, 1, 1000)];
const settingsOf = (cells: readonly MeasuredCell[]) => {
  const most = (name: 'rows' | 'atOnce') => Math.max(...cells.map((one) => one[name]));
  return completeBatcherOptions({ maxBatchSize: most('rows'), concurrency: most('atOnce') }, 'test');
};
export const modelOf = (cells: readonly MeasuredCell[], given: Partial<FleetModel> = {}): FleetModel => ({
  settings: settingsOf(cells),
  times: new ServiceTimes(cells, shares),
  overheadMicros: 0,
  sloMicros: 5000,
  work: 1,
  ...given,
});
export const fleetOf = (cells: readonly MeasuredCell[], given: Partial<Fleet> = {}): Fleet => ({
  machines: 1,
  policy: 'leastLoaded',
  models: [modelOf(cells)],
  failsEveryMicros: undefined,
  startUpMicros: 1e6,
  scaleTo: undefined,
  ...given,
});
export const askedAt = (times: ArrayLike<number>, given: Partial<Asked> = {}): Asked => ({
  arrivals: () => Array.from(times).values(),
  rowsOf: () => 1,
  modelOf: () => 0,
  comeSeconds: Array.from(times).at(-1)! / 1e6,
  seconds: Array.from(times).at(-1)! / 1e6 + 1,
  warmupSeconds: 0,
  seed: 1,
  ...given,
});
export const poisson = (rate: number, seconds: number, seed = 1) =>
  schedule({ arrivals: 'poisson', rate, durationMs: seconds * 1000, seed }).map((at) => at * 1000);
