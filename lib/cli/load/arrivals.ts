// When requests come: decided before a run, by a seed, so that every way of serving that is compared meets the same arrivals, and
// nothing that a server does can move them.

import { exponential, type Random, random } from './random.js';

export const arrivalKinds = ['constant', 'poisson', 'bursty'] as const;

/**
 * - constant: one every 1 / rate.
 * - poisson: independent callers; the gaps are exponential.
 * - bursty: Poisson whose rate is now high and now low (a Markov-modulated process of two states), the mean being the rate.
 */
export type Arrivals = (typeof arrivalKinds)[number];

export interface Burst {
  /** The rate within a burst, as a multiple of the mean; at most 1 / share. */
  readonly factor: number;
  /** The share of the time that bursts take. */
  readonly share: number;
  /** How long a burst lasts on average. */
  readonly meanMs: number;
}

const usualBurst: Burst = { factor: 4, share: 0.2, meanMs: 100 };

export interface ScheduleOptions {
  readonly arrivals: Arrivals;
  /** The mean, a second. */
  readonly rate: number;
  readonly durationMs: number;
  readonly seed: number;
  readonly burst?: Burst;
}

/** Arrival times in milliseconds, from 0 (included) to durationMs (not included), ascending. */
export function schedule(options: ScheduleOptions): Float64Array {
  return Float64Array.from(arrivalsOf(options));
}

/** The same, one by one: for those that are too many to keep. */
export function* arrivalsOf({
  arrivals,
  rate,
  durationMs,
  seed,
  burst = usualBurst,
}: ScheduleOptions): Generator<number> {
  if (!(rate > 0 && durationMs > 0)) throw new RangeError(`no schedule of ${rate} requests/s for ${durationMs} ms`);
  const perMs = rate / 1000;
  if (arrivals === 'constant') for (let i = 0; i < perMs * durationMs; i++) yield i / perMs;
  else if (arrivals === 'poisson') yield* poisson(perMs, 0, durationMs, random(seed));
  else yield* bursty(perMs, durationMs, burst, random(seed));
}

function* poisson(perMs: number, from: number, to: number, dice: Random): Generator<number> {
  if (perMs === 0) return;
  const gap = 1 / perMs;
  for (let at = from + exponential(gap, dice); at < to; at += exponential(gap, dice)) yield at;
}

function* bursty(perMs: number, durationMs: number, { factor, share, meanMs }: Burst, dice: Random): Generator<number> {
  const rest = (1 - share * factor) / (1 - share);
  if (!(share > 0 && share < 1 && factor >= 1 && rest >= -1e-9)) {
    throw new RangeError(`bursts of ${factor} times the mean rate cannot take ${share} of the time`);
  }
  let inBurst = dice() < share;
  for (let from = 0; from < durationMs; inBurst = !inBurst) {
    const to = from + exponential(inBurst ? meanMs : (meanMs * (1 - share)) / share, dice);
    // Exponential gaps have no memory, so each spell may begin its own.
    yield* poisson(perMs * Math.max(0, inBurst ? factor : rest), from, Math.min(to, durationMs), dice);
    from = to;
  }
}
