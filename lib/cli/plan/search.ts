// The fewest machines that keep the SLO.
//
// The rule it keeps: from what they could answer at the most, their number grows by steps that double until the SLO is kept, and is then halved in between,
// to one machine or one in a hundred. What was simulated is not simulated again.

import type { Simulated } from './simulate.js';

/** What may be refused or lost of requests. */
export const mostLost = 0.01;

/** Every model its own; one that nobody asked for does. */
export function keeps({ models, requests }: Pick<Simulated, 'models' | 'requests'>): boolean {
  return requests > 0 && models.every(keepsOwn);
}

export function keepsOwn({ p99, requests, refused, lost, sloMicros }: Simulated['models'][number]): boolean {
  return p99 <= sloMicros && refused + lost <= mostLost * requests;
}

/** Gives all that was tried, by their numbers; the fewest that keep the SLO is undefined where not even `most` do. */
export async function fewest(
  least: number,
  most: number,
  simulate: (machines: number) => Promise<Simulated>,
): Promise<{ readonly machines: number | undefined; readonly tried: ReadonlyMap<number, Simulated> }> {
  const tried = new Map<number, Simulated>();
  const isEnough = async (machines: number) => {
    const result = await simulate(machines);
    tried.set(machines, result);
    return keeps(result);
  };
  let low = least - 1;
  let high = least;
  for (let step = Math.max(1, Math.ceil(least / 50)); !(await isEnough(high)); step *= 2) {
    if (high >= most) return { machines: undefined, tried };
    low = high;
    high = Math.min(most, high + step);
  }
  while (high - low > Math.max(1, Math.floor(high / 100))) {
    const middle = (low + high) >> 1;
    if (await isEnough(middle)) high = middle;
    else low = middle;
  }
  return { machines: high, tried };
}
