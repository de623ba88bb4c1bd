// The clock of tensorlane/batching: fractions of a millisecond by Node's own means.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { nodeClock } from '../../lib/batching/time/node-clock.js';

afterEach(() => vi.unstubAllGlobals());

/** Node's timers, and time itself, moved by hand. */
function byHand() {
  let now = 5000.25;
  let next: { kind: string; look: () => void } | undefined;
  const log: string[] = [];
  const plan = (kind: string) => (look: () => void, ms?: number) => {
    expect(next, 'two waits at once').toBeUndefined();
    next = { kind, look };
    log.push(ms === undefined ? kind : `${kind} ${ms}`);
    return next;
  };
  const clear = (kind: string) => (waiting: unknown) => {
    if (waiting !== next || next?.kind !== kind) return;
    log.push(`no ${kind}`);
    next = undefined;
  };
  vi.stubGlobal('performance', { now: () => now });
  vi.stubGlobal('setTimeout', plan('timeout'));
  vi.stubGlobal('setImmediate', plan('turn'));
  vi.stubGlobal('clearTimeout', clear('timeout'));
  vi.stubGlobal('clearImmediate', clear('turn'));
  /** So much later, what waits looks. */
  const look = (ms: number) => {
    now += ms;
    const looking = next!;
    next = undefined;
    looking.look();
  };
  return { log, look, waits: () => next !== undefined };
}

describe('a wait', () => {
  test('turns the event loop for its last fraction of a millisecond alone', () => {
    const { log, look, waits } = byHand();
    let called = 0;
    nodeClock.after(10_500, () => called++);
    look(10.1);
    look(0.2);
    look(0.1);
    expect(called, 'it came early').toBe(0);
    look(0.125);
    expect(log).toEqual(['timeout 10', 'turn', 'turn', 'turn']);
    expect([called, waits()]).toEqual([1, false]);
  });

  test('goes on where Node calls back early', () => {
    const { log, look } = byHand();
    let called = 0;
    nodeClock.after(3000, () => called++);
    look(1.5);
    look(0.25);
    look(1.25);
    expect(log).toEqual(['timeout 3', 'timeout 1', 'timeout 1']);
    expect(called).toBe(1);
  });

  test('of no time ends in another turn', () => {
    const { log, look } = byHand();
    let called = 0;
    nodeClock.after(0, () => called++);
    expect(called).toBe(0);
    look(0);
    expect([called, log]).toEqual([1, ['turn']]);
  });

  test('of more than Node can wait for is made of several', () => {
    const { log, look } = byHand();
    let called = 0;
    nodeClock.after((2 ** 31 + 10) * 1000, () => called++);
    look(2 ** 31 - 1);
    expect(called).toBe(0);
    look(11);
    expect([called, log]).toEqual([1, ['timeout 2147483647', 'timeout 11']]);
  });

  test.each([
    ['while a timer runs', 0, ['timeout 2', 'no timeout']],
    ['in its last turns', 1, ['timeout 2', 'turn', 'no turn']],
  ] as const)('that is cancelled %s leaves nothing behind', (_when, looks, expected) => {
    const { log, look, waits } = byHand();
    const cancel = nodeClock.after(2500, () => {
      throw new Error('it was cancelled');
    });
    for (let i = 0; i < looks; i++) look(2.25);
    cancel();
    expect([waits(), log]).toEqual([false, expected]);
    cancel();
  });
});

test('in real time: it never comes early, and sooner than a timer of Node’s can', async () => {
  const wait = (after: (callback: () => void) => void) => {
    const started = performance.now();
    return new Promise<number>((resolve) => after(() => resolve((performance.now() - started) * 1000)));
  };
  const ours: number[] = [];
  const nodes: number[] = [];
  // Taking turns, so that what else the machine does slows both down.
  for (let i = 0; i < 100; i++) {
    ours.push(await wait((callback) => nodeClock.after(200, callback)));
    nodes.push(await wait((callback) => setTimeout(callback, 0.2)));
  }
  const median = (all: number[]) => all.toSorted((a, b) => a - b)[all.length / 2]!;
  expect(Math.min(...ours)).toBeGreaterThanOrEqual(200);
  expect(median(ours) / median(nodes), 'of what setTimeout takes').toBeLessThan(0.75);
});
