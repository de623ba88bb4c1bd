// The scheduler under mixed traffic of 160,000 requests, which take some 25 s, or of TENSORLANE_SOAK_REQUESTS: every answer is
// the caller's own, memory is flat, and nothing is left behind.

import { expect, it } from 'vitest';
import { expectOutcome, spawnChild } from '../reliability/support.js';

interface Sample {
  readonly heapUsed: number;
  readonly rss: number;
  readonly external: number;
  /** Requests so far. */
  readonly asked: number;
}

interface Report {
  /** Over the requests, evenly; the first four (a fifth of it) are the warm-up. */
  readonly samples: readonly Sample[];
  readonly told: Readonly<Record<string, number>>;
  readonly held: number;
  readonly pending: readonly number[];
  /** What still kept the process alive when all was over. */
  readonly keptAliveBy: readonly string[];
}

const count = Number(process.env.TENSORLANE_SOAK_REQUESTS ?? 160_000);

const mean = (samples: readonly Sample[], key: keyof Sample) =>
  samples.reduce((total, sample) => total + sample[key], 0) / samples.length;

it(
  `the scheduler stays flat and right over ${count} requests of mixed traffic`,
  async () => {
    const outcome = await spawnChild('batching-soak.mjs', {
      args: [String(count)],
      nodeArgs: ['--expose-gc'],
      env: { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '0' },
      takesMs: count,
    });
    // With a warning of Node's, of listeners that leak for one, its stderr would not be empty.
    expectOutcome(outcome, { code: 0, printed: ['ready'] });
    const { samples, told, held, pending, keptAliveBy } = JSON.parse(outcome.stdout.split('\n')[0]!) as Report;

    expect(keptAliveBy.filter((resource) => resource === 'Timeout')).toEqual([]);
    expect(held, 'payloads were not released').toBe(0);
    expect(Math.max(...pending), 'a client was told, and its request is still pending').toBe(0);
    // The traffic was as mixed as it should be.
    for (const kind of ['completed', 'poisoned', 'ERR_ABORTED', 'ERR_TIMEOUT']) {
      expect(told[kind], kind).toBeGreaterThan(count / 12_000);
    }
    const total = Object.values(told).reduce((sum, count) => sum + count, 0);
    expect(total, 'some were told twice, or not at all').toBe(samples.at(-1)!.asked);

    const [early, late] = [samples.slice(4, 8), samples.slice(16, 20)];
    const requests = mean(late, 'asked') - mean(early, 'asked');
    for (const [key, limit] of [
      // Some two bytes a request, of the default number.
      ['heapUsed', 192 * 1024],
      ['external', 40 * 1024],
      ['rss', 3 * 2 ** 20],
    ] as const) {
      const growth = mean(late, key) - mean(early, key);
      const curve = samples.map((sample) => Math.round(sample[key] / 1024)).join(' ');
      expect(growth, `${key} grew over ${Math.round(requests)} requests; in kB: ${curve}`).toBeLessThan(limit);
    }
  },
  count + 300_000,
);
