// What targetLatencyMicros makes of loads, in simulated time; test/long/adaptive.test.ts holds it against fixed settings.

import { describe, expect, test } from 'vitest';
import { Adaptive } from '../../lib/batching/learning/adaptive.js';
import { LatencyModel } from '../../lib/batching/learning/latency-model.js';
import type { Tuned } from '../../lib/batching/learning/tuned.js';
import { setUp } from './fake.js';
import { type SimulatedModel, simulate } from './simulation.js';

describe('the time of a batch as a function of its rows', () => {
  test('is learned from sizes that differ', () => {
    const model = new LatencyModel();
    for (let i = 0; i < 200; i++) model.learn(1 + (i % 32), 500 + 20 * (1 + (i % 32)));
    expect(model.predict(10) / 700).toBeCloseTo(1, 1);
    expect(model.predict(32) / 1140).toBeCloseTo(1, 1);
    expect(model.rowsWithin(900)).toBeGreaterThanOrEqual(19);
    expect(model.rowsWithin(900)).toBeLessThanOrEqual(21);
  });

  test('is taken to grow with the rows where only one size was seen', () => {
    const model = new LatencyModel();
    for (let i = 0; i < 10; i++) model.learn(4, 400);
    expect(model.predict(4)).toBeCloseTo(400);
    expect(model.predict(8)).toBeCloseTo(800);
  });

  test('is not taught by a pause, but by a machine that stays slower', () => {
    const model = new LatencyModel();
    for (let i = 0; i < 100; i++) model.learn(1 + (i % 8), (100 + 10 * (1 + (i % 8))) * (i % 2 ? 1.02 : 0.98));
    const before = model.predict(8);
    model.learn(8, 50_000);
    expect(model.predict(8), 'one pause changed the prediction').toBeLessThan(before * 1.1);
    for (let i = 0; i < 100; i++) model.learn(1 + (i % 8), 3 * (100 + 10 * (1 + (i % 8))));
    expect(model.predict(8), 'a slower machine did not').toBeGreaterThan(before * 2.5);
  });
});

/** Of one key, on one thread a run where nothing else is said. */
const adaptiveOf = ({
  targetMicros,
  maxBatchSize: mostRows = 64,
  concurrency: mostAtOnce = 1,
  threads = 1,
  tuned,
}: {
  targetMicros: number;
  maxBatchSize?: number;
  concurrency?: number;
  threads?: number;
  tuned?: Tuned;
}) => new Adaptive({ targetMicros, mostRows, mostAtOnce, leastThreads: 1, mostThreads: threads, tuned });

const waiting = (rows: number, key = '') => ({ key, rows });

describe('the choice of rows and batches at once', () => {
  const measured = (
    options: { targetMicros: number; concurrency: number },
    time: (rows: number, k: number) => number,
  ) => {
    const adaptive = adaptiveOf(options);
    const chosen: number[] = [];
    for (let i = 0; i < 301; i++) {
      const rows = 1 + ((i * 7) % adaptive.rowsOf(''));
      const { atOnce } = adaptive;
      adaptive.ended({ key: '', rows, atOnce, micros: time(rows, atOnce), requests: rows, tooLate: 0, now: i * 1000 });
      if (i >= 200) chosen.push(atOnce);
    }
    // Now and then it tries another number: the usual one is meant.
    return { atOnce: chosen.sort()[50], rows: adaptive.rowsOf('') };
  };

  test('is one batch where two at once are no faster', () => {
    const adaptive = measured({ targetMicros: 100_000, concurrency: 2 }, (n, k) => (5000 + 100 * n) * k);
    expect(adaptive.atOnce).toBe(1);
    expect(adaptive.rows).toBe(64);
  });

  test('is all lanes where they do not slow each other down', () => {
    const adaptive = measured({ targetMicros: 100_000, concurrency: 4 }, (n) => 5000 + 100 * n);
    expect(adaptive.atOnce).toBe(4);
  });

  test('is fewer rows than the maximum where those would be too late', () => {
    // With one batch at once a request waits for one batch and then for its own: 2 (1000 + 1000 n) <= 0.75 x 20000.
    const adaptive = measured({ targetMicros: 20_000, concurrency: 1 }, (n) => 1000 + 1000 * n);
    expect(adaptive.rows).toBeGreaterThanOrEqual(6);
    expect(adaptive.rows).toBeLessThanOrEqual(7);
  });

  test('is more than one row where all batches had one, however long they took', () => {
    const adaptive = adaptiveOf({ targetMicros: 10_000, maxBatchSize: 64, concurrency: 1 });
    for (let i = 0; i < 50; i++) {
      adaptive.ended({ key: '', rows: 1, atOnce: 1, micros: 3000, requests: 1, tooLate: 0, now: i * 3000 });
    }
    expect(adaptive.rowsOf(''), 'what a second row costs would never be learned').toBe(2);
    for (let i = 0; i < 50; i++) {
      adaptive.ended({
        key: '',
        rows: 1 + (i % 2),
        atOnce: 1,
        micros: 3000,
        requests: 1,
        tooLate: 0,
        now: 150_000 + i * 3000,
      });
    }
    expect(adaptive.rowsOf(''), 'a second row costs nothing').toBeGreaterThan(2);
  });

  test('is questioned less and less often where it is confirmed', () => {
    const adaptive = adaptiveOf({ targetMicros: 100_000, maxBatchSize: 64, concurrency: 2 });
    const trials: number[] = [];
    for (let i = 0, before = 1; i < 4000; i++) {
      const { atOnce } = adaptive;
      if (atOnce > before) trials.push(i);
      before = atOnce;
      const micros = (5000 + 100 * (1 + (i % 64))) * atOnce;
      adaptive.ended({ key: '', rows: 1 + (i % 64), atOnce, micros, requests: 1, tooLate: 0, now: i * 10_000 });
    }
    const gaps = trials.slice(1).map((at, i) => at - trials[i]!);
    expect(trials.length, 'two batches at once were not tried again').toBeGreaterThan(2);
    expect(trials.length, 'two batches at once were tried too often').toBeLessThan(8);
    expect(
      gaps.toSorted((a, b) => a - b),
      'the time between trials does not grow',
    ).toEqual(gaps);
  });

  describe('begins with what all batches so far took', () => {
    const time = (rows: number, k: number) => (1000 + 100 * rows) * (1 + 0.6 * (k - 1));
    const started = (concurrency: number) => {
      const adaptive = adaptiveOf({ targetMicros: 20_000, maxBatchSize: 64, concurrency });
      const ended = (rows: number, micros: number) =>
        adaptive.ended({ key: '', rows, atOnce: adaptive.atOnce, micros, requests: rows, tooLate: 0, now: 0 });
      return { adaptive, ended };
    };

    test('and not with the first of them', () => {
      const { adaptive, ended } = started(1);
      for (let i = 0; i < 9; i++) ended(1 + (i % 8), time(1 + (i % 8), 1));
      for (const rows of [1, 4, 8, 16, 32]) {
        const ratio = adaptive.predict('', rows) / time(rows, 1);
        expect(ratio, `what ${rows} rows take`).toBeGreaterThan(0.8);
        expect(ratio, `what ${rows} rows take`).toBeLessThan(1.25);
      }
    });

    test('so a second batch at once is first tried with about the right rows', () => {
      const { adaptive, ended } = started(2);
      let batches = 0;
      for (; adaptive.atOnce === 1 && batches < 100; batches++) ended(1 + (batches % 8), time(1 + (batches % 8), 1));
      expect(batches, 'it was not tried').toBeLessThan(100);
      // While nothing is known of two, they are taken to be of no use: 1.5 x 2 T(n) within three quarters of the target.
      const right = (15_000 / 3 - 1000) / 100;
      expect(adaptive.rowsOf('') / right).toBeGreaterThan(0.6);
      expect(adaptive.rowsOf('') / right).toBeLessThan(1.6);
    });
  });

  test.each([
    [0.7, 2],
    [1.3, 1],
  ])('is as many threads as help: where two take %s of the time, %s', (helped, threads) => {
    const adaptive = adaptiveOf({ targetMicros: 100_000, threads: 2 });
    const chosen: number[] = [];
    for (let i = 0; i < 301; i++) {
      const rows = 1 + (i % 32);
      const { atOnce, aim } = adaptive;
      const micros = (1000 + 300 * rows) * (aim.threads === 2 ? helped : 1);
      adaptive.ended({ key: '', rows, atOnce, threads: aim.threads, micros, requests: 1, tooLate: 0, now: i * 1000 });
      if (i >= 200) chosen.push(aim.threads);
    }
    expect(chosen.sort()[50]).toBe(threads);
    const { measured } = adaptive.stats();
    expect(measured.map((one) => one.threads)).toEqual(threads === 2 ? [2, 1] : [1, 2]);
    expect(adaptive.tuned.loads).toMatchObject([{ atOnce: 1, threads, others: [{ threads: 3 - threads }] }]);
  });

  test('begins with what another process has learned of its largest load', () => {
    const tuned: Tuned = {
      version: 1,
      loads: [
        { load: 32, rows: 16, atOnce: 2, threads: 1, others: [{ rows: 16, atOnce: 1, threads: 2, ratio: 1.5 }] },
        { load: 1, rows: 1, atOnce: 1, threads: 2, others: [] },
      ],
    };
    const adaptive = adaptiveOf({ targetMicros: 100_000, concurrency: 2, threads: 2, tuned });
    expect(adaptive.aim).toMatchObject({ atOnce: 2, threads: 1 });
    expect(adaptive.stats().measured).toMatchObject([{ ratio: 1 }, { atOnce: 1, threads: 2, ratio: 1.5 }]);
  });

  test('is a number where time stands still', () => {
    const adaptive = adaptiveOf({ targetMicros: 300, maxBatchSize: 4, concurrency: 3 });
    for (let i = 0; i < 500; i++) {
      const micros = i % 3 === 0 ? 100 : 0;
      const { atOnce } = adaptive;
      adaptive.ended({ key: '', rows: 1 + (i % 4), atOnce, micros, requests: 1, tooLate: 0, now: 0 });
      expect([1, 2, 3, 4], `rows after ${i} batches`).toContain(adaptive.rowsOf(''));
    }
  });
});

describe('admission', () => {
  const learned = () => {
    const adaptive = adaptiveOf({ targetMicros: 50_000, maxBatchSize: 16, concurrency: 1 });
    for (let i = 0; i < 100; i++) {
      const rows = 1 + (i % 16);
      adaptive.ended({
        key: '',
        rows,
        atOnce: 1,
        micros: 2000 + 500 * rows,
        requests: rows,
        tooLate: 0,
        now: i * 10_000,
      });
    }
    return adaptive;
  };

  const running = new Set([{ started: 0, key: '', rows: 16 }]);

  test('keeps the queue as short as keeps the lanes busy where many are refused, though the target would allow more', () => {
    // A full batch takes 10 ms, so a full load waits for 20 ms, and half as long again is spare.
    const excess = (queued: number) => {
      const adaptive = learned();
      for (let i = 0; i < 100; i++) adaptive.asked(i % 2 === 0);
      return adaptive.excess(waiting(1), [waiting(queued)], running, 0);
    };
    expect(excess(15), 'the rest of the next batch').toBeLessThanOrEqual(0);
    expect(excess(20), 'some of the one after it').toBeLessThanOrEqual(0);
    expect(excess(40), 'a third batch').toBeGreaterThan(0);
  });

  test('lets a burst in as far as the target allows', () => {
    // Of 45 ms one batch that runs takes 10 ms, and three more 30 ms.
    const excess = (queued: number) => {
      const adaptive = learned();
      for (let i = 0; i < 100; i++) adaptive.asked(i % 50 === 0);
      return adaptive.excess(waiting(1), [waiting(queued)], running, 0);
    };
    expect(excess(46), 'the rest of a third batch').toBeLessThanOrEqual(0);
    expect(excess(63), 'the rest of a fourth one').toBeGreaterThan(0);
  });

  test('knows of a batch that takes longer than expected before it has ended', () => {
    expect(learned().excess(waiting(1), [waiting(10)], running, 10_000)).toBeLessThanOrEqual(0);
    const late = learned().excess(waiting(1), [waiting(15)], running, 60_000);
    expect(late, 'the next one is expected to be as slow').toBeGreaterThan(0);
  });
});

describe('shapes that cost more than others', () => {
  const costs = { narrow: 1, wide: 8 };
  const learned = (micros = (rows: number, cost: number) => (1000 + 500 * rows) * cost) => {
    const adaptive = adaptiveOf({ targetMicros: 100_000, maxBatchSize: 16 });
    const keys = ['wide', 'narrow', 'narrow'] as const;
    for (let i = 0; i < 300; i++) {
      const key = keys[i % 3]!;
      const rows = 1 + (i % 5);
      adaptive.ended({
        key,
        rows,
        atOnce: 1,
        micros: micros(rows, costs[key]),
        requests: 1,
        tooLate: 0,
        now: i * 10_000,
      });
    }
    return adaptive;
  };

  test('are known by what they cost', () => {
    for (const key of ['narrow', 'wide'] as const) {
      const ratio = learned().predict(key, 4) / (3000 * costs[key]);
      expect(ratio, key).toBeGreaterThan(0.8);
      expect(ratio, key).toBeLessThan(1.25);
    }
  });

  test('have batches as large as the target allows them', () => {
    // Two of them in 75 ms: 8 (1000 + 500 n) = 37.5 ms.
    expect(learned().rowsOf('narrow')).toBe(16);
    expect(learned().rowsOf('wide')).toBeGreaterThanOrEqual(6);
    expect(learned().rowsOf('wide')).toBeLessThanOrEqual(9);
  });

  test('wait for one another', () => {
    const running = new Set([{ started: 0, key: 'narrow', rows: 4 }]);
    const excess = (key: string, queued: { key: string; rows: number }[]) =>
      learned().excess(waiting(1, key), queued, running, 0);
    expect(excess('narrow', [waiting(8, 'narrow'), waiting(4, 'wide')])).toBeLessThanOrEqual(0);
    expect(excess('narrow', [waiting(8, 'narrow'), waiting(40, 'wide')]), 'behind wide ones').toBeGreaterThan(0);
    expect(excess('narrow', [waiting(40, 'narrow')]), 'behind as many narrow ones').toBeLessThanOrEqual(0);
  });

  test('are followed where the whole machine becomes slower', () => {
    const adaptive = learned();
    for (let i = 0; i < 100; i++) {
      const key = i % 2 ? 'wide' : 'narrow';
      const rows = 1 + (i % 5);
      const micros = 2 * (1000 + 500 * rows) * costs[key];
      adaptive.ended({ key, rows, atOnce: 1, micros, requests: 1, tooLate: 0, now: 3e6 + i * 10_000 });
      if (i < 10) continue;
      for (const one of ['narrow', 'wide'] as const) {
        const ratio = adaptive.predict(one, 4) / (6000 * costs[one]);
        expect(ratio, `${one} after ${i} slow batches`).toBeGreaterThan(0.7);
        expect(ratio, `${one} after ${i} slow batches`).toBeLessThan(1.5);
      }
    }
  });
});

test('what could not be answered in time is refused at once, with a hint; what can is not', async () => {
  const { clock, executor, batcher, submit } = setUp({ targetLatencyMicros: 1000, maxBatchSize: 4 });
  for (let i = 0; i < 20; i++) {
    void submit(`warm${i}`);
    await clock.turn();
    await clock.advance(300);
    await executor.running[0]!.finish();
  }
  const results = Array.from({ length: 40 }, (_, i) => submit(`item${i}`));
  const refused = batcher.stats().requests.refused.overloaded;
  expect(refused, 'nothing was refused of ten batches where there is time for three').toBeGreaterThan(25);
  expect(refused, 'everything was refused').toBeLessThan(40);
  expect(await results.at(-1)).toMatchObject({ reason: 'overloaded', cause: expect.any(Number) });
  expect((await results.at(-1)) as { cause: number }).toMatchObject({ cause: expect.toSatisfy((n: number) => n > 0) });
  while (executor.running.length > 0) {
    await clock.advance(300);
    await executor.running[0]!.finish();
  }
  expect(batcher.stats().requests).toMatchObject({ pending: 0, accepted: 60 - refused });
  expect(batcher.stats().adaptive).toMatchObject({ targetMicros: 1000 });
});

test('a request that has the device to itself is let in, however late it will be', async () => {
  const { clock, executor, batcher, submit } = setUp({ targetLatencyMicros: 100 });
  for (let i = 0; i < 5; i++) {
    const result = submit(`item${i}`);
    await clock.turn();
    await clock.advance(5000);
    await executor.running[0]!.finish();
    expect(await result).toBe(`ITEM${i}`);
  }
  expect(batcher.stats().requests.completed).toBe(5);
});

const models: Readonly<Record<string, SimulatedModel>> = {
  'one that reads its weights once a batch': { fixed: 5000, perRow: 60, shared: 1, noise: 0.08 },
  'one that computes for each row': { fixed: 300, perRow: 1000, shared: 0.1, noise: 0.1 },
};

describe.each(Object.entries(models))('under twice the load that it can take, %s', (_name, model) => {
  const targetMicros = 5 * (model.fixed + 16 * model.perRow);
  // The best that a full load within the target could do: with k batches of n rows at once, see lib/batching/learning/adaptive.ts.
  let best = 0;
  for (const k of [1, 2]) {
    for (let n = 1; n <= 64; n++) {
      const micros = (model.fixed + model.perRow * n) * (1 + model.shared * (k - 1));
      if (micros * (1 + 1 / k) <= targetMicros) best = Math.max(best, (k * n * 1e6) / micros);
    }
  }

  test('answers in time as much as it can', async () => {
    const load = { rate: 2 * best, seconds: 9 };
    const options = { maxBatchSize: 64, concurrency: 2, targetLatencyMicros: targetMicros };
    const outcome = await simulate(model, load, targetMicros, options);
    expect(outcome.goodput / best, 'goodput, of the best there is').toBeGreaterThan(0.85);
    expect(outcome.windowsKept, 'windows within the target').toBeGreaterThanOrEqual(0.9);
    expect(outcome.refused).toBeGreaterThan(0);
  });
});
