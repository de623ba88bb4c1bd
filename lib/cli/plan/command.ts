// `tensorlane plan`: how many machines a load takes, simulated from what tune measured.

import { type BatcherSettings, completeBatcherOptions } from '../../batching/options.js';
import { type Command, UsageError } from '../command.js';
import { microsOption, numberOption, wholeOption } from '../quantities.js';
import type { TunedFile } from '../tune/file.js';
import { oneOf, type Wanted, type Wish, wantedOf, wishOf } from './asked.js';
import { type Policy, policies } from './balancer.js';
import { fewest, keeps } from './search.js';
import { ServiceTimes } from './service.js';
import { type Fleet, type FleetModel, type Simulated, simulate } from './simulate.js';
import { type Report, type Row, settingNames, textOf } from './text.js';

const mostMachines = 100_000;

export const plan: Command = {
  usage:
    'plan tuned.json|NAME=tuned.json ... --rate 2000[,300] [--slo 50ms] [--arrivals poisson|bursty|constant] [--trace log.csv] [--machines N] [--policy leastLoaded|twoChoices|roundRobin|random|byModel] [--fails-every 30d] [--start-up 60s] [--scale-to 0.6] [--price 1.20/h] [--seconds N] [--seed 1] [--json]',
  about:
    'Says how many machines like the measured one keep the SLO at that rate, and what they cost, by simulating them with the scheduler itself: for one model, or for several together.',
  options: {
    rate: { type: 'string' },
    slo: { type: 'string' },
    arrivals: { type: 'string', default: 'poisson' },
    trace: { type: 'string' },
    machines: { type: 'string' },
    policy: { type: 'string', default: 'leastLoaded' },
    'fails-every': { type: 'string' },
    'start-up': { type: 'string', default: '60s' },
    'scale-to': { type: 'string' },
    price: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
  async run(options, files) {
    if (files.length === 0) throw new UsageError('plan takes the file of a model or of several, got none');
    const policy = oneOf('policy', options.policy, policies);
    if (policy === 'byModel' && files.length === 1) throw new UsageError('--policy byModel is for several models');
    const price = options.price === undefined ? undefined : priceOf(options.price);
    const wanted = await wantedOf(files, time('slo', options.slo));
    const wish = await wishOf(options, wanted);
    const fleet: Conditions = {
      failsEveryMicros: time('fails-every', options['fails-every']),
      startUpMicros: microsOption('start-up', options['start-up']),
      scaleTo: options['scale-to'] === undefined ? undefined : numberOption('scale-to', options['scale-to'], 0.01, 1),
    };
    const machines =
      options.machines === undefined ? undefined : wholeOption('machines', options.machines, 1, mostMachines);
    const report = await planned({ wish, fleet, policy, machines, wanted });
    if (options.json === true) console.log(JSON.stringify({ ...report, price }, null, 1));
    else console.log(textOf(report, price));
    return report.best === undefined ? 1 : 0;
  },
};

type Conditions = Omit<Fleet, 'machines' | 'models' | 'policy'>;

const time = (name: string, value: unknown) => (value === undefined ? undefined : microsOption(name, value));

/** A machine's, an hour. Errors: UsageError. */
function priceOf(value: unknown): number {
  const found = /^(\d+(?:\.\d+)?)(?:\/(h|d|month))?$/.exec(String(value));
  if (found === null) throw new UsageError(`--price must be a number, with /h, /d or /month, got '${value}'`);
  const hours = { h: 1, d: 24, month: 730 }[found[2] ?? 'h'] as number;
  return Number(found[1]) / hours;
}

/** As a model with these options has them. */
export function settingsOf(
  name: (typeof settingNames)[number],
  { measured: _, ...tuned }: TunedFile,
  times: ServiceTimes,
  sloMicros: number,
): BatcherSettings {
  const { mostRows, mostAtOnce, mostThreads, leastThreads } = times;
  const target = name === 'tuned' ? {} : { targetLatencyMicros: Math.round(sloMicros) };
  const bounds = { leastRows: 1, mostRows, leastAtOnce: 1, mostAtOnce, leastThreads, mostThreads };
  const settings = completeBatcherOptions({ maxBatchSize: mostRows, concurrency: mostAtOnce, ...target }, 'plan');
  return { ...settings, learns: { bounds, tuned } };
}

async function planned({
  wish,
  fleet,
  policy,
  machines,
  wanted,
}: {
  readonly wish: Wish;
  readonly fleet: Conditions;
  readonly policy: Policy;
  readonly machines: number | undefined;
  readonly wanted: readonly Wanted[];
}): Promise<Report> {
  const rows: Row[] = [];
  const row = (settings: Row['settings'], policy: Policy, count: number, result: Simulated): Row => ({
    settings,
    policy,
    asked: count,
    result,
    keeps: keeps(result),
  });
  const all = wanted.map(({ tuned: { measured } }) => new ServiceTimes(measured.cells, measured.shares));
  const work = wish.rates.map((rate, model) => rate * all[model]!.leastMicrosPerRow);
  const simulated = (settings: Row['settings'], policy: Policy) => {
    const models = wanted.map(({ tuned, sloMicros }, model): FleetModel => {
      const times = all[model]!;
      const { overheadMicros } = tuned.measured;
      const own = settingsOf(settings, tuned, times, sloMicros);
      return { settings: own, times, overheadMicros, sloMicros, work: work[model]! };
    });
    return (count: number) => simulate({ ...fleet, machines: count, models, policy }, wish);
  };
  const busyMicros = work.reduce((sum, one) => sum + one, 0);
  const least = Math.min(mostMachines, Math.max(1, Math.ceil(busyMicros / 1e6)));
  // Where more are started by themselves, there is nothing to look for: those that are enough on average begin.
  const fixed = machines ?? (fleet.scaleTo === undefined ? undefined : Math.ceil(least / fleet.scaleTo));
  // Beyond this the machines are not what is too slow.
  let most = Math.min(mostMachines, 16 * least + 16);
  for (const settings of settingNames) {
    if (fixed === undefined && most < least) break; // one machine fewer cannot be enough
    const run = simulated(settings, policy);
    if (fixed !== undefined) rows.push(row(settings, policy, fixed, await run(fixed)));
    else {
      const { tried, machines } = await fewest(least, most, run);
      // Another setting is worth looking at where it needs fewer.
      if (machines !== undefined) most = machines - 1;
      for (const [count, result] of [...tried].sort(([a], [b]) => a - b))
        rows.push(row(settings, policy, count, result));
    }
  }
  const enough = rows.filter((one) => one.keeps);
  const best = enough.length === 0 ? undefined : enough.reduce((fewer, one) => (one.asked < fewer.asked ? one : fewer));
  const others: Row[] = [];
  if (best !== undefined && best.asked > 1) {
    for (const other of policies) {
      if (other === 'byModel' && wanted.length === 1) continue;
      const same = other === policy ? best.result : await simulated(best.settings, other)(best.asked);
      others.push(row(best.settings, other, best.asked, same));
    }
  }
  const models = wanted.map(({ name, sloMicros }, model) => ({ name, rate: wish.rates[model]!, sloMicros }));
  return { rate: wish.rates.reduce((sum, one) => sum + one, 0), models, work, best, rows, policies: others };
}
