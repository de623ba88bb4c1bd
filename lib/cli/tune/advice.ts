// What to run here, and why, in two sentences.
//
// The rules it keeps: the best is what answers the most requests a second of which 99 of 100 keep the SLO. Among what is within 3% of it, the one
// that asks for the least: fewer processes, then what a user has to say less for. What it is compared with is never advised.

import type { Advice, MeasuredCell, MeasuredPoint, MeasuredSetup } from './file.js';
import { microsPerRow } from './file.js';

/** Differences of less are taken for noise. */
const alike = 0.97;
/** What may be lost of requests that are served well. */
const mostLost = 0.01;

export function servedWell({ p99, lost, requests, throughput }: MeasuredPoint, sloMillis: number): boolean {
  return throughput > 0 && p99 <= sloMillis && lost <= mostLost * requests;
}

/** The load under which a set-up answers the most within the SLO; where it never keeps that, under which it answers the most. */
export function bestPoint({ points }: MeasuredSetup, sloMillis: number): MeasuredPoint {
  const good = points.filter((point) => servedWell(point, sloMillis));
  return (good.length > 0 ? good : points).reduce((best, point) => (point.throughput > best.throughput ? point : best));
}

/** The most callers, each asking again when it is answered, that are served well; 0 where not even one is. */
export function clientsServed({ points }: MeasuredSetup, sloMillis: number): number {
  const callers = points.flatMap((point) =>
    'callers' in point.load && servedWell(point, sloMillis) ? [point.load.callers] : [],
  );
  return Math.max(0, ...callers);
}

export interface Evidence {
  /** Of tensorlane, in the order of what has to be said for them. */
  readonly setups: readonly MeasuredSetup[];
  readonly cells: readonly MeasuredCell[];
  readonly cores: number;
  readonly device: 'cuda' | 'cpu';
  readonly alone: string | undefined;
  readonly sloMillis: number;
}

export function advise({ setups, cells, cores, device, alone, sloMillis }: Evidence): Advice {
  const rateOf = (setup: MeasuredSetup) => bestPoint(setup, sloMillis).throughput;
  const keeps = (setup: MeasuredSetup) => servedWell(bestPoint(setup, sloMillis), sloMillis);
  const able = setups.some(keeps) ? setups.filter(keeps) : setups;
  const best = Math.max(...able.map(rateOf));
  const chosen = able
    .filter((setup) => rateOf(setup) >= alike * best)
    .reduce((least, setup) => (setup.processes < least.processes ? setup : least));
  const point = bestPoint(chosen, sloMillis);
  const single = setups[0]!;
  const times = rateOf(chosen) / rateOf(single);
  const beside =
    chosen === single ? '' : `, ${times.toFixed(1)} times what one request at a time gives (${rate(rateOf(single))})`;
  const slo = `${ms(sloMillis)} for 99 of 100`;
  const within = keeps(chosen) ? `within ${slo}` : `but not within ${slo}: their p99 is ${ms(point.p99)}`;
  return {
    setup: chosen.name,
    processes: chosen.processes,
    sentences: [
      `Run ${inWords(chosen)}: it answers ${rate(point.throughput)} requests a second ${within}${beside}.`,
      reason(chosen, { setups, cells, cores, device, alone, sloMillis }),
    ],
  };
}

const inWords = ({ name, processes }: MeasuredSetup) =>
  processes > 1 ? name : `one process, ${name === 'tuned' ? 'with loadModel({ tuned })' : name}`;

function reason(chosen: MeasuredSetup, { setups, cells, cores, device, alone, sloMillis }: Evidence): string {
  const several = setups.filter(({ processes }) => processes > 1);
  const usage = bestPoint(chosen, sloMillis).usage;
  const busy = usage === undefined ? undefined : usage.own / cores;
  const gain = batchGain(cells);
  const facts: string[] = [];
  if (alone !== undefined) facts.push(`its requests share no batches (${alone})`);
  else if (gain.rows > 1 && gain.times > 1.05) {
    facts.push(`a row in a batch of ${gain.rows} takes ${(1 / gain.times).toFixed(2)} of what it takes alone`);
  } else facts.push('batches gain nothing: a row takes as long in them as alone');
  if (busy !== undefined && device === 'cpu') {
    const share = `${Math.round(busy * 100)}% of ${cores} cores are at work`;
    if (chosen.processes > 1)
      facts.push(`${chosen.processes} processes keep them from waiting for one JS thread (${share})`);
    else if (several.length > 0) {
      const most = Math.max(...several.map((setup) => bestPoint(setup, sloMillis).throughput));
      const less = most / bestPoint(chosen, sloMillis).throughput;
      facts.push(`${share}, and more processes divide the same time (${less.toFixed(2)} times the throughput)`);
    } else facts.push(share);
  }
  const gpu = bestPoint(chosen, sloMillis).gpu?.busy;
  if (device === 'cuda') facts.push(...onGpu(chosen, several, gpu, sloMillis));
  const text = facts.join('; ');
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}

/** `gpu`: the part of the time in which it had something to run, where that is known. */
function onGpu(
  chosen: MeasuredSetup,
  several: readonly MeasuredSetup[],
  gpu: number | undefined,
  sloMillis: number,
): string[] {
  const rateOf = (setup: MeasuredSetup) => bestPoint(setup, sloMillis).throughput;
  const busy = gpu === undefined ? undefined : `the GPU is at work for ${Math.round(100 * gpu)}% of the time`;
  const times = (other: MeasuredSetup) => (rateOf(other) / rateOf(chosen)).toFixed(2);
  if (chosen.processes === 1) {
    const most = several.reduce<MeasuredSetup | undefined>(
      (best, one) => (best === undefined || rateOf(one) > rateOf(best) ? one : best),
      undefined,
    );
    if (most === undefined) return busy === undefined ? [] : [busy];
    const less = `more processes divide the same time (${most.name}: ${times(most)} times the throughput)`;
    return [busy === undefined ? less : `${busy}, and ${less}`];
  }
  // The same number of processes that have it by turns.
  const turns = several.find((other) => other !== chosen && chosen.name.replace(' under MPS', '') === other.name);
  const facts = busy === undefined ? [] : [busy];
  if (turns !== undefined) facts.push(`by turns the same processes give ${times(turns)} times of that`);
  return facts;
}

/** How many times as many rows a second the best size of batch gives as one row at a time, with as many batches at once and threads. */
function batchGain(cells: readonly MeasuredCell[]): { rows: number; times: number } {
  const best = cells.reduce((least, cell) => (microsPerRow(cell) < microsPerRow(least) ? cell : least));
  const one = cells.find(
    ({ rows, atOnce, threads }) => rows === 1 && atOnce === best.atOnce && threads === best.threads,
  );
  return { rows: best.rows, times: one === undefined ? 1 : microsPerRow(one) / microsPerRow(best) };
}

export const rate = (value: number) =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(2);
export const ms = (value: number) => `${value >= 10 ? Math.round(value) : Number(value.toPrecision(2))} ms`;
