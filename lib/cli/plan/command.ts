// `tensorlane plan`: how many machines a load takes, simulated from what tune measured.

import { type BatcherSettings, completeBatcherOptions } from '../../batching/options.js';
import { type Command, type CommandOptions, UsageError } from '../command.js';
import { arrivalsOf } from '../load/arrivals.js';
import { microsOption, numberOption, wholeOption } from '../quantities.js';
import { ms, rate as shownRate } from '../tune/advice.js';
import { microsPerRow, readTunedFile, type TunedFile } from '../tune/file.js';
import { type Policy, policies } from './balancer.js';
import { fewest, keeps, mostLost } from './search.js';
import { ServiceTimes } from './service.js';
import { type Asked, type Fleet, type Simulated, simulate } from './simulate.js';
import { readTrace } from './trace.js';

/** Without --seconds so many requests are simulated each time, and for so many seconds at least. */
const usualRequests = 200_000;
const leastSeconds = 4;
const mostMachines = 100_000;
/** The part of the time in which the scheduler settles. */
const warmupShare = 0.25;

export const plan: Command = {
  usage:
    'plan tuned.json --rate 2000 [--slo 50ms] [--arrivals poisson|bursty|constant] [--trace log.csv] [--machines N] [--policy leastLoaded|twoChoices|roundRobin|random] [--fails-every 30d] [--start-up 60s] [--scale-to 0.6] [--price 1.20/h] [--seconds N] [--seed 1] [--json]',
  about:
    'Says how many machines like the measured one keep the SLO at that rate, and what they cost, by simulating them with the scheduler itself.',
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
    const [file] = files;
    if (file === undefined || files.length > 1) throw new UsageError(`plan takes one file, got ${files.length}`);
    const policy = oneOf('policy', options.policy, policies);
    const price = options.price === undefined ? undefined : priceOf(options.price);
    const tuned = await readTunedFile(file);
    const asked = await askedFor(options, tuned);
    const fleet: Omit<Fleet, 'machines' | 'settings' | 'policy'> = {
      times: new ServiceTimes(tuned.measured.cells, tuned.measured.shares),
      overheadMicros: tuned.measured.overheadMicros,
      failsEveryMicros: time('fails-every', options['fails-every']),
      startUpMicros: microsOption('start-up', options['start-up']),
      scaleTo: options['scale-to'] === undefined ? undefined : numberOption('scale-to', options['scale-to'], 0.01, 1),
    };
    const machines =
      options.machines === undefined ? undefined : wholeOption('machines', options.machines, 1, mostMachines);
    const report = await planned({ asked, fleet, policy, machines, tuned });
    if (options.json === true) console.log(JSON.stringify({ ...report, price }, null, 1));
    else console.log(textOf(report, price));
    return report.best === undefined ? 1 : 0;
  },
};

const time = (name: string, value: unknown) => (value === undefined ? undefined : microsOption(name, value));

function oneOf<T extends string>(name: string, value: unknown, known: readonly T[]): T {
  if (known.includes(value as T)) return value as T;
  throw new UsageError(`--${name} must be one of ${known.join(', ')}, got '${value}'`);
}

/** A machine's, an hour. Errors: UsageError. */
function priceOf(value: unknown): number {
  const found = /^(\d+(?:\.\d+)?)(?:\/(h|d|month))?$/.exec(String(value));
  if (found === null) throw new UsageError(`--price must be a number, with /h, /d or /month, got '${value}'`);
  const hours = { h: 1, d: 24, month: 730 }[found[2] ?? 'h'] as number;
  return Number(found[1]) / hours;
}

/** Errors: UsageError; those of a trace. */
async function askedFor(options: CommandOptions, { measured }: TunedFile): Promise<Asked & { rate: number }> {
  const sloMicros = time('slo', options.slo) ?? measured.sloMicros;
  const seed = wholeOption('seed', options.seed, 0, 2 ** 31);
  const given = options.rate === undefined ? undefined : numberOption('rate', options.rate, 0.001, 1e9);
  const common = { sloMicros, seed };
  if (options.trace !== undefined) {
    const { times, rows } = await readTrace(options.trace as string);
    const own = ((times.length - 1) / times.at(-1)!) * 1e6;
    // Where a rate is given, time is stretched to it.
    const stretch = given === undefined ? 1 : own / given;
    const seconds = (times.at(-1)! * stretch) / 1e6;
    const arrivals = () => times.map((at) => at * stretch).values();
    const rowsOf = rows === undefined ? () => 1 : (request: number) => rows[request]!;
    // What comes last has time to be answered.
    const last = seconds + (4 * sloMicros) / 1e6;
    return { ...common, arrivals, rowsOf, comeSeconds: seconds, seconds: last, warmupSeconds: 0, rate: given ?? own };
  }
  if (given === undefined) throw new UsageError('plan wants --rate, in requests a second, or a --trace');
  const kind = oneOf('arrivals', options.arrivals, ['poisson', 'bursty', 'constant'] as const);
  const usual = Math.max(leastSeconds, usualRequests / given);
  const seconds = options.seconds === undefined ? usual : numberOption('seconds', options.seconds, 0.1, 1e8);
  // Bursts are Poisson processes at another rate; the last requests have time to be answered.
  const durationMs = Math.max(1, seconds * 1000 - Math.min((4 * sloMicros) / 1000, seconds * 100));
  const arrivals = () => micros(arrivalsOf({ arrivals: kind, rate: given, durationMs, seed }));
  return {
    ...common,
    arrivals,
    rowsOf: () => 1,
    comeSeconds: durationMs / 1000,
    seconds,
    warmupSeconds: warmupShare * seconds,
    rate: given,
  };
}

function* micros(millis: Iterable<number>): Generator<number> {
  for (const at of millis) yield at * 1000;
}

export const settingNames = ['tuned', 'held to the SLO'] as const;

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

interface Row {
  readonly settings: (typeof settingNames)[number];
  readonly policy: Policy;
  readonly asked: number;
  readonly result: Simulated;
  readonly keeps: boolean;
}

interface Report {
  readonly rate: number;
  readonly sloMicros: number;
  /** The fewest that keep the SLO; undefined where none do. */
  readonly best: Row | undefined;
  readonly rows: readonly Row[];
  readonly policies: readonly Row[];
}

async function planned({
  asked,
  fleet,
  policy,
  machines,
  tuned,
}: {
  readonly asked: Asked & { rate: number };
  readonly fleet: Omit<Fleet, 'machines' | 'settings' | 'policy'>;
  readonly policy: Policy;
  readonly machines: number | undefined;
  readonly tuned: TunedFile;
}): Promise<Report> {
  const { sloMicros, rate } = asked;
  const rows: Row[] = [];
  const row = (settings: Row['settings'], policy: Policy, count: number, result: Simulated): Row => ({
    settings,
    policy,
    asked: count,
    result,
    keeps: keeps(result, sloMicros),
  });
  const simulated = (settings: Row['settings'], policy: Policy) => {
    const own = settingsOf(settings, tuned, fleet.times, sloMicros);
    return (count: number) => simulate({ ...fleet, machines: count, settings: own, policy }, asked);
  };
  const fastest = Math.min(...tuned.measured.cells.map(microsPerRow));
  const least = Math.min(mostMachines, Math.max(1, Math.ceil((rate * fastest) / 1e6)));
  // Where more are started by themselves, there is nothing to look for: those that are enough on average begin.
  const fixed = machines ?? (fleet.scaleTo === undefined ? undefined : Math.ceil(least / fleet.scaleTo));
  // Beyond this the machines are not what is too slow.
  let most = Math.min(mostMachines, 16 * least + 16);
  for (const settings of settingNames) {
    if (fixed === undefined && most < least) break; // one machine fewer cannot be enough
    const run = simulated(settings, policy);
    if (fixed !== undefined) rows.push(row(settings, policy, fixed, await run(fixed)));
    else {
      const { tried, machines } = await fewest(least, most, sloMicros, run);
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
      const same = other === policy ? best.result : await simulated(best.settings, other)(best.asked);
      others.push(row(best.settings, other, best.asked, same));
    }
  }
  return { rate, sloMicros, best, rows, policies: others };
}

const header = ['machines', 'settings', 'p50', 'p95', 'p99', 'p99.9', 'good/s', 'lost', 'busy', 'rows a batch'];

function textOf({ rate, sloMicros, best, rows, policies }: Report, price: number | undefined): string {
  const lines = [...table([header, ...rows.map(cells)])];
  if (policies.length > 0) {
    const named = policies.map((one) => [one.policy, ...cells(one).slice(2)]);
    lines.push('', ...table([['balancer', ...header.slice(2)], ...named]));
  }
  const slo = `${ms(sloMicros / 1000)} for 99 of 100`;
  if (best === undefined) {
    lines.push(
      '',
      `No number of machines that was tried answers ${shownRate(rate)} requests a second within ${slo}, losing at most ${100 * mostLost}%: the SLO is shorter than what a batch takes, or needs another setting.`,
    );
    return lines.join('\n');
  }
  const { asked, result, settings } = best;
  const fewer = rows.filter((one) => one.settings === settings && one.asked < asked).at(-1);
  const why =
    fewer === undefined
      ? `they are busy for ${percent(result.busy)} of the time`
      : `${count(fewer.asked)} would be busy for ${percent(fewer.result.busy)} of the time, with a p99 of ${ms(fewer.result.p99 / 1000)} and ${percent((fewer.result.refused + fewer.result.lost) / fewer.result.requests)} lost`;
  const options =
    settings === 'tuned'
      ? 'loadModel({ tuned })'
      : `loadModel({ tuned, batching: { targetLatencyMicros: ${Math.round(sloMicros)} } })`;
  lines.push(
    '',
    `Run ${count(asked)} with ${options}: ${shownRate(rate)} requests a second have a p99 of ${ms(result.p99 / 1000)}, within ${slo}; ${why}.`,
  );
  if (price !== undefined) {
    const hourly = price * result.machines;
    lines.push(
      `That is ${hourly.toFixed(2)} an hour, ${((hourly / 3600 / result.goodput) * 1e6).toFixed(2)} for a million answers within the SLO.`,
    );
  }
  if (result.failures > 0 || result.mostMachines > asked) {
    lines.push(
      `${result.failures} machines failed meanwhile; ${result.machines.toFixed(1)} were there on average, ${result.mostMachines} at the most.`,
    );
  }
  return lines.join('\n');
}

const count = (machines: number) => `${machines.toLocaleString('en-US')} ${machines === 1 ? 'machine' : 'machines'}`;
const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;

function cells({ asked, settings, result, keeps }: Row): string[] {
  const { p50, p95, p99, p999, goodput, refused, lost, requests, busy, rowsPerBatch } = result;
  return [
    `${asked}${keeps ? '' : ' (late)'}`,
    settings,
    ...[p50, p95, p99, p999].map((micros) => ms(micros / 1000)),
    shownRate(goodput),
    percent((refused + lost) / Math.max(1, requests)),
    percent(busy),
    rowsPerBatch.toFixed(1),
  ];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd();
  return [line(rows[0]!), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.slice(1).map(line)];
}
