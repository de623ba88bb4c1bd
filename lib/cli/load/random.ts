// Chance that repeats itself: the same seed gives the same numbers, so that what is compared meets the same load.

/** Uniform in [0, 1). */
export type Random = () => number;

/** From one number to the next. */
const step = 0x6d2b79f5;

/** Tommy Ettinger's mulberry32. */
export function random(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + step) | 0;
    return mixed(state);
  };
}

/** What random(seed) gives after n others, without these. */
export const nthRandom = (seed: number, n: number): number => mixed((seed + Math.imul(step, n + 1)) | 0);

function mixed(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

/** Of this mean. */
export const exponential = (mean: number, random: Random): number => -Math.log(1 - random()) * mean;
