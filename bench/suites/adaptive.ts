import { Child } from '../../lib/cli/load/child.js';
import type { SettingsLoad, SettingsResult, SettingsSpec, SettingsWorker } from '../load/settings-worker.js';
import { models } from '../models.js';
import { median, ratios } from '../stats.js';
import type { Context, Suite } from '../suite.js';

interface AdaptiveModel {
  readonly path: string;
  readonly dims: readonly number[];
}

/** A short run takes narrower layers, under the same name. */
const dense = (context: Context, whole: number, layers: number): AdaptiveModel => {
  const width = context.rounds(whole, whole / 6);
  return { path: models.dense(width, layers), dims: [1, width] };
};

const MODELS: Readonly<Record<string, (context: Context) => AdaptiveModel>> = {
  'dense 4x1536': (context) => dense(context, 1536, 4),
  'dense 6x3072': (context) => dense(context, 3072, 6),
  'OCR classifier': () => ({ path: models.classifier(), dims: [1, 3, 48, 192] }),
};

/** Multiples of what the model can do. */
const LOADS = [0.5, 0.9, 2] as const;
const OVERLOAD = 2;
const MAX_BATCH_SIZE = 64;
const WINDOW_MS = 500;

/** The target by rule: what a full batch takes, five times, but not so little that it would be about timers. */
const targetOf = (batchMs: number): number => Math.max(5, 5 * batchMs);

interface Fixed {
  readonly maxBatchSize: number;
  readonly maxQueueDelayMicros: number;
  readonly concurrency: number;
}

/** What someone would try by hand. To wait for a batch of one is to wait for nothing. */
const GRID: readonly Fixed[] = [1, 4, 16, MAX_BATCH_SIZE].flatMap((maxBatchSize) =>
  (maxBatchSize === 1 ? [0] : [0, 2000]).flatMap((maxQueueDelayMicros) =>
    [1, 2].map((concurrency) => ({ maxBatchSize, maxQueueDelayMicros, concurrency })),
  ),
);
/** Of a short run: smaller batches are sooner over, and all there is to wait for with them. */
const SHORT_BATCH_SIZE = 8;
const SHORT_SETTING: Fixed = { maxBatchSize: SHORT_BATCH_SIZE, maxQueueDelayMicros: 0, concurrency: 2 };
const mostRows = (context: Context) => context.rounds(MAX_BATCH_SIZE, SHORT_BATCH_SIZE);

const kept = (model: string, load: number) => `${model} at ${load}x: windows within the target`;
const againstBest = (model: string, load: number) => `${model} at ${load}x: in time, against the best fixed setting`;
const KEPT = 'windows within the target, of all models and loads';
const againstPeak = (model: string) => `${model} at ${OVERLOAD}x: in time, against its own peak`;

/** A target latency instead of settings: as good as the best setting that could have been found by hand, at every load. */
export const adaptive: Suite = {
  name: 'adaptive',
  about:
    'targetLatencyMicros against the best of a grid of fixed settings, at half, nine tenths and twice the capacity',
  figures: Object.keys(MODELS)
    .flatMap((name) => [...LOADS.flatMap((load) => [kept(name, load), againstBest(name, load)]), againstPeak(name)])
    .concat(KEPT),
  async run(context) {
    const script = new URL('../load/settings-worker.ts', import.meta.url);
    const fixed = new Child<SettingsWorker>(script, 'fixed settings');
    const target = new Child<SettingsWorker>(script, 'target latency');
    try {
      const all: Rounds[] = [];
      for (const [name, model] of Object.entries(MODELS)) {
        all.push(...(await compare(name, model(context), { fixed, target }, context)));
      }
      const share = (side: keyof Rounds) => {
        const shares = all.flatMap((rounds) => rounds[side].map(within));
        return shares.reduce((sum, one) => sum + one, 0) / shares.length;
      };
      context.add(KEPT, '', [share('target')], { target: { is: '>=', value: 0.95 } });
      context.add(`${KEPT}, the best fixed settings`, '', [share('fixed')]);
    } finally {
      await fixed.close();
      await target.close();
    }
  },
};

interface Sides {
  readonly fixed: Child<SettingsWorker>;
  readonly target: Child<SettingsWorker>;
}

type Load = Pick<SettingsLoad, 'rate' | 'targetMs' | 'maxInFlight' | 'windowMs'>;

interface Rounds {
  readonly fixed: readonly SettingsResult[];
  readonly target: readonly SettingsResult[];
}

/** Gives the rounds of each load. */
async function compare(name: string, model: AdaptiveModel, sides: Sides, context: Context): Promise<readonly Rounds[]> {
  const most = mostRows(context);
  const withFixed = ({ concurrency, ...batching }: Fixed) => ({ ...model, options: { batching, concurrency } });
  const { capacity, batchMs } = await calibrate(sides.fixed, withFixed, context);
  const targetMs = targetOf(batchMs);
  context.add(`${name}: capacity`, '/s', [capacity], {
    remark: 'answers under an open loop that offers more than can be answered',
  });
  context.add(`${name}: target`, 'ms', [targetMs], {
    remark: `five times a full batch of ${most} rows, and at least 5 ms`,
  });
  // Four targets' worth in flight: a queue without a bound under too much load would only grow.
  const maxInFlight = Math.max(4 * most, Math.ceil((4 * targetMs * capacity) / 1000));
  const windowMs = context.rounds(WINDOW_MS, 100);
  const loads = LOADS.map((load) => ({ rate: load * capacity, targetMs, maxInFlight, windowMs }));

  const best = await search(sides.fixed, withFixed, loads, context);
  const batching = { maxBatchSize: most, targetLatencyMicros: Math.round(targetMs * 1000) };
  await sides.target.call('load', { ...model, options: { batching } });
  const all: Rounds[] = [];
  const goodputs: number[][] = [];
  for (const [i, load] of loads.entries()) {
    const setting = best[i] as Fixed;
    await sides.fixed.call('load', withFixed(setting));
    const rounds = await alternate(sides, load, context);
    const multiple = LOADS[i] as number;
    report(name, multiple, setting, rounds, context);
    all.push(rounds);
    goodputs.push(rounds.target.map(({ goodput }) => Math.max(1, goodput)));
    if (multiple !== OVERLOAD) continue;
    const peak = Math.max(...goodputs.map(median));
    const against = rounds.target.map(({ goodput }) => goodput / peak);
    context.add(againstPeak(name), 'x', against, { target: { is: '>=', value: 0.85 } });
  }
  return all;
}

/** What the model can do with full batches, the load program at work beside it, and how long one takes. */
async function calibrate(side: Sides['fixed'], withFixed: (setting: Fixed) => SettingsSpec, context: Context) {
  const most = mostRows(context);
  const capacities: number[] = [];
  let batchMs = 0;
  for (const concurrency of context.short ? [2] : [2, 1]) {
    await side.call('load', withFixed({ maxBatchSize: most, maxQueueDelayMicros: 0, concurrency }));
    batchMs = await side.call('batchMs', { size: most, runs: context.rounds(15, 1) });
    const durationMs = Math.max(context.rounds(1000, 100), context.rounds(6, 2) * batchMs);
    const rate = 1.5 * (await side.call('capacity', { callers: 2 * most, durationMs }));
    const bounds = { maxInFlight: 4 * most, targetMs: 1000, windowMs: durationMs, seed: 1 };
    const load = { rate, warmupMs: durationMs / 4, measureMs: durationMs, ...bounds };
    // In a short round on a busy machine it may be nothing.
    capacities.push((await side.call('openLoop', load)).summary.achieved || rate / 1.5);
  }
  return { capacity: Math.max(...capacities), batchMs };
}

/** For each load the setting with the most answers in time; of those with nearly as many, the one with the lowest p99. */
async function search(
  side: Sides['fixed'],
  withFixed: (setting: Fixed) => SettingsSpec,
  loads: readonly Load[],
  context: Context,
): Promise<Fixed[]> {
  // A short run takes one setting as the best without looking for it.
  if (context.short) return loads.map(() => SHORT_SETTING);
  const tried = loads.map(() => [] as { setting: Fixed; goodput: number; p99: number }[]);
  for (const setting of GRID) {
    await side.call('load', withFixed(setting));
    for (const [i, load] of loads.entries()) {
      const options = { ...load, windowMs: 250, warmupMs: 250, measureMs: 1000, seed: 1 };
      const { goodput, summary } = await side.call('openLoop', options);
      tried[i]?.push({ setting, goodput, p99: summary.latencyMs.p99 });
    }
  }
  return tried.map((results) => {
    const most = Math.max(...results.map(({ goodput }) => goodput));
    const good = results.filter(({ goodput }) => goodput >= 0.97 * most);
    return good.reduce((best, result) => (result.p99 < best.p99 ? result : best)).setting;
  });
}

/** Both sides in turns, under the same arrivals. */
async function alternate(sides: Sides, load: Load, context: Context): Promise<Rounds> {
  const rounds = { fixed: [] as SettingsResult[], target: [] as SettingsResult[] };
  for (let round = 0; round < context.rounds(2, 1); round++) {
    // Long beside the target: a queue that only grows keeps its callers happy for as long as that.
    const warmupMs = context.rounds(Math.max(500, 2 * load.targetMs), 20);
    const measureMs = context.rounds(10_000, 200);
    const order = round % 2 === 0 ? (['fixed', 'target'] as const) : (['target', 'fixed'] as const);
    for (const side of order) {
      const result = await sides[side].call('openLoop', { ...load, warmupMs, measureMs, seed: 100 + round });
      if (result.summary.counts.failed > 0) throw new Error(`a request failed: ${result.summary.failure}`);
      rounds[side].push(result);
    }
  }
  return rounds;
}

function report(name: string, load: number, best: Fixed, { fixed, target }: Rounds, context: Context): void {
  const shed = target.reduce((sum, { summary }) => sum + summary.counts.shed, 0);
  const sent = target.reduce((sum, { summary: { counts } }) => sum + counts.answered + counts.shed, 0);
  const late = Math.max(...target.map(({ summary }) => summary.sender.lateP99));
  const windows = target.reduce((sum, round) => sum + round.windows.length, 0);
  context.add(kept(name, load), '', target.map(within), {
    target: { is: '>=', value: 0.95 },
    remark: `p99 of ${windows} windows; ${Math.round((100 * shed) / sent)} % shed; sender up to ${late.toFixed(1)} ms late (p99)`,
  });
  context.add(`${kept(name, load)}, the best fixed setting`, '', fixed.map(within));
  // A fixed setting under too much load may have no answer in time at all.
  const goodput = (results: readonly SettingsResult[]) => results.map((result) => Math.max(1, result.goodput));
  const { maxBatchSize, maxQueueDelayMicros, concurrency } = best;
  context.add(againstBest(name, load), 'x', ratios(goodput(target), goodput(fixed)), {
    target: { is: '>=', value: 0.9 },
    remark: `the best: maxBatchSize ${maxBatchSize}, maxQueueDelayMicros ${maxQueueDelayMicros}, concurrency ${concurrency}`,
  });
  context.add(`${name} at ${load}x: in time`, '/s', goodput(target));
  context.add(`${name} at ${load}x: in time, the best fixed setting`, '/s', goodput(fixed));
}

/** The share of windows with p99 within the target. One in which all were shed has no answer at all: it is missed. */
function within({ windows, targetMs }: SettingsResult): number {
  return windows.filter(({ scheduled, p99 }) => scheduled === 0 || p99 <= targetMs).length / windows.length;
}
