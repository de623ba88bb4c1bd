import { describe, expect, test } from 'vitest';
import { arrivalKinds, schedule } from '../../lib/cli/load/arrivals.js';

const rate = 200;
const durationMs = 600_000;

/** The variance of the number of arrivals in a window over its mean: 1 for a Poisson process, more for bursts. */
function dispersion(times: Float64Array, windowMs: number): number {
  const counts = new Array<number>(Math.floor(durationMs / windowMs)).fill(0);
  for (const at of times) {
    const window = Math.floor(at / windowMs);
    if (window < counts.length) counts[window]!++;
  }
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / (counts.length - 1) / mean;
}

describe('arrivals', () => {
  test.each(arrivalKinds)('%s: the mean rate is the one asked for, in order and within the time', (arrivals) => {
    const times = schedule({ arrivals, rate, durationMs, seed: 1 });
    expect(times.length / (durationMs / 1000) / rate).toBeCloseTo(1, 1);
    expect(times.every((at, i) => at >= 0 && at < durationMs && at >= (times[i - 1] ?? 0))).toBe(true);
  });

  test('poisson: gaps are exponential, and arrivals as dispersed as they should be', () => {
    const times = schedule({ arrivals: 'poisson', rate, durationMs, seed: 2 });
    const gaps = times.subarray(1).map((at, i) => at - times[i]!);
    for (const quantile of [0.1, 0.5, 0.9, 0.99]) {
      const expected = (-Math.log(1 - quantile) * 1000) / rate;
      const below = gaps.filter((gap) => gap <= expected).length / gaps.length;
      expect(Math.abs(below - quantile)).toBeLessThan(0.01);
    }
    for (const windowMs of [20, 500]) expect(Math.abs(dispersion(times, windowMs) - 1)).toBeLessThan(0.15);
  });

  test('bursty: more dispersed than poisson by as much as the theory has it', () => {
    const burst = { factor: 4, share: 0.2, meanMs: 100 };
    const times = schedule({ arrivals: 'bursty', rate, durationMs, seed: 3, burst });
    // The limit for long windows: 1 + 2 var(rate) tau / mean, with the correlation time tau of the two states.
    const variance = rate ** 2 * (0.2 * (4 - 1) ** 2 + 0.8 * (0.25 - 1) ** 2);
    const tau = 1 / (1 / 0.1 + 1 / 0.4);
    const limit = 1 + (2 * variance * tau) / rate;
    expect(dispersion(times, 2000) / limit).toBeGreaterThan(0.7);
    expect(dispersion(times, 2000) / limit).toBeLessThan(1.3);
  });

  test('constant: every gap is the same', () => {
    const times = schedule({ arrivals: 'constant', rate: 50, durationMs: 1000, seed: 1 });
    expect([...times]).toEqual(Array.from({ length: 50 }, (_, i) => i * 20));
  });

  test('a seed gives the same schedule again, another one another', () => {
    for (const arrivals of ['poisson', 'bursty'] as const) {
      const make = (seed: number) => [...schedule({ arrivals, rate, durationMs: 1000, seed })];
      expect(make(5)).toEqual(make(5));
      expect(make(5)).not.toEqual(make(6));
    }
  });

  test('what cannot be is refused', () => {
    expect(() => schedule({ arrivals: 'poisson', rate: 0, durationMs: 1000, seed: 1 })).toThrow(RangeError);
    const burst = { factor: 6, share: 0.2, meanMs: 100 };
    expect(() => schedule({ arrivals: 'bursty', rate: 10, durationMs: 1000, seed: 1, burst })).toThrow(RangeError);
  });
});
