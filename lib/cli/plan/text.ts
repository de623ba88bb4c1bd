// What was simulated, as tables and in words.

import { ms, rate as shownRate } from '../tune/advice.js';
import type { Policy } from './balancer.js';
import { placed } from './placement.js';
import { keepsOwn, mostLost } from './search.js';
import type { Answered, Simulated } from './simulate.js';

export const settingNames = ['tuned', 'held to the SLO'] as const;

export interface Row {
  readonly settings: (typeof settingNames)[number];
  readonly policy: Policy;
  readonly asked: number;
  readonly result: Simulated;
  readonly keeps: boolean;
}

export interface Report {
  /** Requests a second; of all models, and of each. */
  readonly rate: number;
  readonly models: readonly { readonly name: string; readonly rate: number; readonly sloMicros: number }[];
  /** What each model's requests take of the machines' time: by model, so many of them have it. */
  readonly work: readonly number[];
  /** The fewest that keep the SLO; undefined where none do. */
  readonly best: Row | undefined;
  readonly rows: readonly Row[];
  readonly policies: readonly Row[];
}

const header = ['machines', 'settings', 'p50', 'p95', 'p99', 'p99.9', 'good/s', 'lost', 'busy', 'rows a batch'];

export function textOf(report: Report, price: number | undefined): string {
  const { rate, models, best, rows, policies } = report;
  const lines = [...table([header, ...rows.map(cells)])];
  if (policies.length > 0) {
    const named = policies.map((one) => [one.policy, ...cells(one).slice(2)]);
    lines.push('', ...table([['balancer', ...header.slice(2)], ...named]));
  }
  const [only, ...others] = models;
  const slo = others.length > 0 ? 'its SLO' : `${ms(only!.sloMicros / 1000)} for 99 of 100`;
  if (best === undefined) {
    const of = others.length > 0 ? `, each model's within ${slo}` : ` within ${slo}`;
    lines.push(
      '',
      `No number of machines that was tried answers ${shownRate(rate)} requests a second${of}, losing at most ${100 * mostLost}%: the SLO is shorter than what a batch takes, or needs another setting.`,
    );
    return lines.join('\n');
  }
  if (others.length > 0) lines.push('', ...table(byModel(report, best)));
  const { asked, result, settings } = best;
  const fewer = rows.filter((one) => one.settings === settings && one.asked < asked).at(-1);
  const why =
    fewer === undefined
      ? `they are busy for ${percent(result.busy)} of the time`
      : `${count(fewer.asked)} would be busy for ${percent(fewer.result.busy)} of the time, with a p99 of ${ms(fewer.result.p99 / 1000)} and ${percent(lost(fewer.result))} lost`;
  const target = others.length > 0 ? 'ITS_SLO' : String(Math.round(only!.sloMicros));
  const options =
    settings === 'tuned'
      ? 'loadModel({ tuned })'
      : `loadModel({ tuned, batching: { targetLatencyMicros: ${target} } })`;
  const kept =
    others.length > 0
      ? `${shownRate(rate)} requests a second have a p99 of ${ms(result.p99 / 1000)}, and each model keeps its SLO`
      : `${shownRate(rate)} requests a second have a p99 of ${ms(result.p99 / 1000)}, within ${slo}`;
  lines.push('', `Run ${count(asked)} with ${options}: ${kept}; ${why}.`);
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
const lost = ({ refused, lost, requests }: Answered) => (refused + lost) / Math.max(1, requests);

/** What became of each model's requests, and, where they go by model, which machines have it. */
function byModel({ models, work }: Report, { result, policy, asked }: Row): string[][] {
  const placement = placed(asked, work);
  const machinesOf = (model: number) => {
    const all = Array.from({ length: asked }, (_, machine) => machine);
    return ranges(all.filter((machine) => placement.of(machine).includes(model)));
  };
  const rows = result.models.map((one, model) => {
    const { name, rate, sloMicros } = models[model]!;
    return [
      `${name}${keepsOwn(one) ? '' : ' (late)'}`,
      shownRate(rate),
      ms(sloMicros / 1000),
      ...timesOf(one),
      one.rowsPerBatch.toFixed(1),
      policy === 'byModel' ? machinesOf(model) : 'all',
    ];
  });
  return [['model', 'requests/s', 'SLO', ...header.slice(2, 8), header[9]!, 'machines'], ...rows];
}

/** From 1 on, as in 1-3, 7. */
function ranges(machines: readonly number[]): string {
  const from = machines.filter((machine, i) => machines[i - 1] !== machine - 1);
  const to = machines.filter((machine, i) => machines[i + 1] !== machine + 1);
  return from.map((first, i) => (first === to[i] ? `${first + 1}` : `${first + 1}-${to[i]! + 1}`)).join(', ');
}

const timesOf = (one: Answered) => [
  ...[one.p50, one.p95, one.p99, one.p999].map((micros) => ms(micros / 1000)),
  shownRate(one.goodput),
  percent(lost(one)),
];

function cells({ asked, settings, result, keeps }: Row): string[] {
  return [
    `${asked}${keeps ? '' : ' (late)'}`,
    settings,
    ...timesOf(result),
    percent(result.busy),
    result.rowsPerBatch.toFixed(1),
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
