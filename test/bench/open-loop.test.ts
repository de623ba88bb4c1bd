import { describe, expect, test } from 'vitest';
import { Latencies } from '../../bench/load/latencies.js';
import { summarise, windows } from '../../bench/load/summary.js';
import { percentile, sleep } from '../../bench/stats.js';
import { schedule } from '../../lib/cli/load/arrivals.js';
import { type OpenLoopRecord, Outcome, openLoop } from '../../lib/cli/load/open-loop.js';

const every10ms = (durationMs: number) => schedule({ arrivals: 'constant', rate: 100, durationMs, seed: 1 });

describe('open loop', () => {
  test('sends on time while earlier requests still run, and counts latency from the schedule', async () => {
    const sent: number[] = [];
    const start = performance.now();
    const times = every10ms(300);
    const record = await openLoop(
      (i) => {
        sent[i] = performance.now() - start;
        return sleep(100);
      },
      { times, durationMs: 300, maxInFlight: 1000, drainMs: 1000 },
    );
    expect(sent).toHaveLength(30);
    for (const [i, at] of sent.entries()) expect(at).toBeGreaterThanOrEqual(times[i]!);
    expect([...record.outcomes].every((outcome) => outcome === Outcome.answered)).toBe(true);
    expect(Math.min(...record.latencies)).toBeGreaterThanOrEqual(99);
  });

  test('waits by the clock that it is given, for the microseconds that are left', async () => {
    const waits: number[] = [];
    const after = (micros: number, callback: () => void) => {
      waits.push(micros);
      setTimeout(callback, micros / 1000);
    };
    const times = Float64Array.of(0.25, 30, 60);
    const record = await openLoop(async () => {}, { times, durationMs: 80, maxInFlight: 10, drainMs: 10, after });
    expect([...record.outcomes]).toEqual([Outcome.answered, Outcome.answered, Outcome.answered]);
    expect(waits.length).toBeGreaterThan(0);
    for (const wait of waits) expect(wait).toBeGreaterThan(0);
    // Whole milliseconds are what Node's timers would have been asked for.
    expect(waits.some((wait) => !Number.isInteger(wait / 1000))).toBe(true);
  });

  test('a stall of the server, or of the sender itself, makes every request scheduled meanwhile wait', async () => {
    const record = await openLoop(
      async (i) => {
        if (i !== 5) return;
        const until = performance.now() + 100;
        while (performance.now() < until);
      },
      { times: every10ms(300), durationMs: 300, maxInFlight: 1000, drainMs: 1000 },
    );
    // Requests 6 to 14 were due during the stall: the first of them waited for some 90 ms, the next for 10 less, and so on.
    for (let i = 6; i <= 14; i++) {
      expect(record.latencies[i]).toBeGreaterThanOrEqual(149.9 - 10 * i);
      expect(record.lateness[i]).toBeGreaterThanOrEqual(149.9 - 10 * i);
    }
    expect(summarise(record, 0).sender.tooLate).toBe(true);
  });

  test('what exceeds the number in flight is not sent, and what gets no answer is told from what does', async () => {
    let sent = 0;
    const record = await openLoop(
      () => {
        sent++;
        return new Promise(() => {});
      },
      { times: every10ms(200), durationMs: 200, maxInFlight: 8, drainMs: 50 },
    );
    expect(sent).toBe(8);
    const { counts, achieved, latencyMs } = summarise(record, 0);
    expect(counts).toEqual({ answered: 0, unanswered: 8, unsent: 12, shed: 0, failed: 0 });
    expect(achieved).toBe(0);
    // The first has waited since 0, the last, which was due at 190 ms, since then.
    expect(latencyMs.p999).toBeGreaterThanOrEqual(250);
    expect(record.latencies[19]).toBeGreaterThanOrEqual(60);
  });

  test('what is shed is told from what fails', async () => {
    const record = await openLoop(async (i) => Promise.reject(new Error(i % 2 === 0 ? 'busy' : 'broken')), {
      times: every10ms(100),
      durationMs: 100,
      maxInFlight: 8,
      drainMs: 50,
      isShed: (error) => (error as Error).message === 'busy',
    });
    const { counts, failure } = summarise(record, 0);
    expect(counts).toEqual({ answered: 0, unanswered: 0, unsent: 0, shed: 5, failed: 5 });
    expect(failure).toBe('Error: broken');
  });

  test('spins where it is to be on time to the microsecond', async () => {
    const times = schedule({ arrivals: 'poisson', rate: 500, durationMs: 300, seed: 4 });
    // The quickest tenth: a busy machine may make the others late. A timer's quickest tenth is some 0.1 ms late on a quiet one.
    const quickest = async (spin: boolean) => {
      const options = { times, durationMs: 300, maxInFlight: 8, drainMs: 50, spin };
      return percentile((await openLoop(async () => {}, options)).lateness, 0.1);
    };
    const timed = await quickest(false);
    expect(await quickest(true), `with a timer: ${timed} ms`).toBeLessThan(Math.max(0.05, timed / 2));
  });
});

const record: OpenLoopRecord = {
  times: Float64Array.of(0, 100, 200, 300, 400, 500),
  outcomes: Uint8Array.of(
    Outcome.answered,
    Outcome.answered,
    Outcome.answered,
    Outcome.shed,
    Outcome.failed,
    Outcome.unanswered,
  ),
  latencies: Float64Array.of(150, 10, 900, Number.NaN, Number.NaN, 700),
  lateness: Float64Array.of(1, 2, 3, 4, 5, 6),
  durationMs: 600,
  failure: 'Error',
};

describe('a summary', () => {
  test('leaves out what was scheduled while warming up, though not the answers that came later', () => {
    const summary = summarise(record, 100);
    expect(summary.offered).toBe(10);
    expect(summary.counts).toEqual({ answered: 2, unanswered: 1, unsent: 0, shed: 1, failed: 1 });
    // Those at 150 and 110 ms; the third answer came when the time was over.
    expect(summary.achieved).toBe(4);
    expect(summary.latencyMs.p50).toBe(700);
    expect(summary.latencyMs.p999).toBe(900);
    expect(summary.sender.lateP50).toBe(4);
  });

  test('in windows: p99, and what was answered within the target', () => {
    expect(windows(record, 0, 250, 500)).toEqual([
      { scheduled: 3, inTime: 2, p99: 900 },
      { scheduled: 2, inTime: 0, p99: Number.POSITIVE_INFINITY },
    ]);
  });
});

test('a closed loop is corrected for the requests that a slow answer left out', () => {
  const latencies = new Latencies();
  latencies.pushCorrected(5, 10);
  latencies.pushCorrected(45, 10);
  expect([...latencies.values()]).toEqual([5, 45, 35, 25, 15]);
});
