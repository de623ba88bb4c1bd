// One timer tells of all deadlines, in time, and is gone when nothing waits.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Deadlines } from '../../lib/batching/time/deadlines.js';
import { FakeClock } from './fake.js';

function setUp() {
  const clock = new FakeClock();
  const told: [item: string, at: number][] = [];
  const deadlines = new Deadlines<string>(clock, (item) => told.push([item, clock.now()]));
  const add = (item: string, micros: number) => deadlines.add(item, clock.now(), micros);
  return { clock, told, deadlines, add };
}

test('the earliest first, each at its time', async () => {
  const { clock, told, add } = setUp();
  add('late', 300);
  add('early', 100);
  add('middle', 200);
  await clock.advance(250);
  expect(told).toEqual([
    ['early', 100],
    ['middle', 200],
  ]);
  await clock.advance(50);
  expect(told[2]).toEqual(['late', 300]);
});

test('one timer for all, and none when nothing waits', async () => {
  const { clock, deadlines, add } = setUp();
  expect(clock.timers).toBe(0);
  for (let i = 0; i < 100; i++) add(`i${i}`, 500 - i);
  expect(clock.timers).toBe(1);
  for (let i = 0; i < 100; i++) deadlines.remove(`i${i}`);
  expect(clock.timers, 'a timer was left behind').toBe(0);
  expect(deadlines.size).toBe(0);
  add('again', 10);
  expect(clock.timers).toBe(1);
  await clock.advance(10);
  expect(clock.timers).toBe(0);
});

test('nothing is told of one that was taken away, which may be the one that the timer was for', async () => {
  const { clock, told, deadlines, add } = setUp();
  add('a', 100);
  add('b', 200);
  deadlines.remove('a');
  deadlines.remove('never there');
  await clock.advance(500);
  expect(told).toEqual([['b', 200]]);
});

test('a timer that is late tells of all that are over; asking tells of them earlier', async () => {
  const { clock, told, deadlines, add } = setUp();
  add('a', 100);
  add('b', 150);
  add('c', 900);
  clock.stall(400);
  deadlines.tell(clock.now());
  expect(told.map(([item]) => item)).toEqual(['a', 'b']);
  deadlines.tell(clock.now());
  expect(clock.timers).toBe(1);
  await clock.advance(500);
  expect(told.slice(2)).toEqual([['c', 900]]);
});

test('what is told may add, and take away what is over at the same time', async () => {
  const clock = new FakeClock();
  const told: string[] = [];
  const deadlines: Deadlines<string> = new Deadlines<string>(clock, (item) => {
    told.push(item);
    deadlines.remove('b');
    if (item === 'a') deadlines.add('again', clock.now(), 50);
  });
  deadlines.add('a', 0, 100);
  deadlines.add('b', 0, 100);
  await clock.advance(100);
  await clock.advance(500);
  expect(told).toEqual(['a', 'again']);
  expect(clock.timers).toBe(0);
});

test('hundreds of different timeouts, added and taken away at random: each that stays is told once, at its time', async () => {
  const entry = fc.record({ wait: fc.nat(50), micros: fc.nat(1000), stays: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { minLength: 100, maxLength: 500 }), async (entries) => {
      const { clock, told, deadlines, add } = setUp();
      const expected = new Map<string, number>();
      for (const [i, { wait, micros, stays }] of entries.entries()) {
        await clock.advance(wait);
        add(`i${i}`, micros);
        if (stays) expected.set(`i${i}`, clock.now() + micros);
        else deadlines.remove(`i${i}`);
      }
      await clock.advance(2000);
      expect(told.length).toBe(expected.size);
      for (const [item, at] of told) expect(at).toBe(expected.get(item));
      expect(told.map(([, at]) => at)).toEqual([...expected.values()].sort((a, b) => a - b));
      expect(deadlines.size + clock.timers).toBe(0);
    }),
    { numRuns: 30 },
  );
});
