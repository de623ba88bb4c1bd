// What is asked of the machines: of which models, how many requests a second, and when these come.
//
// The rule it keeps: requests of several models come as one stream of which each is for a model by chance, as often as its rate says. Of Poisson arrivals
// that is what independent streams are together; bursts are of all models at once, as a page that asks several has them.

import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { type CommandOptions, UsageError } from '../command.js';
import { arrivalsOf } from '../load/arrivals.js';
import { nthRandom } from '../load/random.js';
import { numberOption, wholeOption } from '../quantities.js';
import { readTunedFile, type TunedFile } from '../tune/file.js';
import type { Asked } from './simulate.js';
import { readTrace } from './trace.js';

/** Without --seconds so many requests are simulated each time, and for so many seconds at least. */
const usualRequests = 200_000;
const leastSeconds = 4;
/** The part of the time in which the scheduler settles. */
const warmupShare = 0.25;

/** A model that is asked for. */
export interface Wanted {
  readonly name: string;
  readonly tuned: TunedFile;
  readonly sloMicros: number;
}

export interface Wish extends Asked {
  /** Requests a second, of each model. */
  readonly rates: readonly number[];
}

/** FILE or NAME=FILE each; a name that is not given is that of the model's file. Errors: UsageError; those of files. */
export async function wantedOf(files: readonly string[], slo: number | undefined): Promise<Wanted[]> {
  const all: Wanted[] = [];
  for (const given of files) {
    const named = existsSync(given) ? null : /^([^=/]+)=(.+)$/s.exec(given);
    const [, own, file] = named ?? [undefined, undefined, given];
    const tuned = await readTunedFile(file!);
    const from = tuned.measured.model?.file ?? file!;
    const name = own ?? basename(from).replace(/\.(onnx|json)$/, '');
    if (all.some((other) => other.name === name))
      throw new UsageError(`two models have the name ${name}: name them, as in ${name}2=${file}`);
    all.push({ name, tuned, sloMicros: slo ?? tuned.measured.sloMicros });
  }
  return all;
}

/** Errors: UsageError; those of a trace. */
export async function wishOf(options: CommandOptions, wanted: readonly Wanted[]): Promise<Wish> {
  const slo = Math.max(...wanted.map(({ sloMicros }) => sloMicros));
  const seed = wholeOption('seed', options.seed, 0, 2 ** 31);
  if (options.trace !== undefined) return ofTrace(options, wanted, slo, seed);
  const rates = ratesOf(options.rate, wanted);
  const rate = sum(rates);
  const kind = oneOf('arrivals', options.arrivals, ['poisson', 'bursty', 'constant'] as const);
  const usual = Math.max(leastSeconds, usualRequests / rate);
  const seconds = options.seconds === undefined ? usual : numberOption('seconds', options.seconds, 0.1, 1e8);
  // Bursts are Poisson processes at another rate; the last requests have time to be answered.
  const durationMs = Math.max(1, seconds * 1000 - Math.min((4 * slo) / 1000, seconds * 100));
  return {
    arrivals: () => micros(arrivalsOf({ arrivals: kind, rate, durationMs, seed })),
    rowsOf: () => 1,
    modelOf: rates.length === 1 ? () => 0 : drawn(rates, seed),
    comeSeconds: durationMs / 1000,
    seconds,
    warmupSeconds: warmupShare * seconds,
    seed,
    rates,
  };
}

async function ofTrace(options: CommandOptions, wanted: readonly Wanted[], slo: number, seed: number): Promise<Wish> {
  const names = wanted.map(({ name }) => name);
  const { times, rows, models } = await readTrace(options.trace as string, names);
  const own = ((times.length - 1) / times.at(-1)!) * 1e6;
  // Where a rate is given, time is stretched to it.
  const rate = options.rate === undefined ? own : numberOption('rate', options.rate, 0.001, 1e9);
  const stretch = own / rate;
  const seconds = (times.at(-1)! * stretch) / 1e6;
  const counts = names.map((_, model) => models?.filter((one) => one === model).length ?? times.length);
  return {
    arrivals: () => times.map((at) => at * stretch).values(),
    rowsOf: rows === undefined ? () => 1 : (request) => rows[request]!,
    modelOf: models === undefined ? () => 0 : (request) => models[request]!,
    comeSeconds: seconds,
    // What comes last has time to be answered.
    seconds: seconds + (4 * slo) / 1e6,
    warmupSeconds: 0,
    seed,
    rates: counts.map((count) => (rate * count) / times.length),
  };
}

/** A number for each model. Errors: UsageError. */
function ratesOf(given: unknown, wanted: readonly Wanted[]): number[] {
  if (given === undefined) throw new UsageError('plan wants --rate, in requests a second, or a --trace');
  const parts = String(given).split(',');
  if (parts.length !== wanted.length) {
    const names = wanted.map(({ name }) => name).join(', ');
    throw new UsageError(`--rate must be a number for each of ${names}, with commas between, got '${given}'`);
  }
  return parts.map((part) => numberOption('rate', part, 0.001, 1e9));
}

/** For which model a request is, as often as it has a part of the rates: the same each time it is asked. */
function drawn(rates: readonly number[], seed: number): (request: number) => number {
  const all = sum(rates);
  let below = 0;
  const ends = rates.map((rate) => (below += rate / all));
  // A seed of its own: what it draws has nothing to do with when requests come.
  return (request) => {
    const at = nthRandom(~seed, request);
    const found = ends.findIndex((end) => at < end);
    return found === -1 ? rates.length - 1 : found; // what rounding leaves
  };
}

function* micros(millis: Iterable<number>): Generator<number> {
  for (const at of millis) yield at * 1000;
}

const sum = (values: readonly number[]) => values.reduce((all, one) => all + one, 0);

export function oneOf<T extends string>(name: string, value: unknown, known: readonly T[]): T {
  if (known.includes(value as T)) return value as T;
  throw new UsageError(`--${name} must be one of ${known.join(', ')}, got '${value}'`);
}
