// What batches have of a device that they share.

import { expect, test } from 'vitest';
import { DeviceTime } from '../../lib/batching/running/device-time.js';
import { mulberry } from './simulation.js';

test('a batch that runs beside another has half of the time in which both run', () => {
  const time = new DeviceTime();
  const long = time.start(0);
  const short = time.start(100);
  expect(time.end(140, short.since)).toBe(20);
  expect(time.end(200, long.since)).toBe(100 + 20 + 60);
});

test('for how long nothing has run is told to whoever comes first', () => {
  const time = new DeviceTime();
  const first = time.start(50);
  expect(first.idle).toBe(50);
  time.end(80, first.since);
  expect(time.start(95).idle).toBe(15);
  expect(time.start(97).idle).toBe(0);
});

test('the parts of all are the time in which any ran', () => {
  const random = mulberry(1);
  const time = new DeviceTime();
  const running: number[] = [];
  let now = 0;
  let busy = 0;
  let parts = 0;
  for (let i = 0; i < 1000 || running.length > 0; i++) {
    const passes = Math.floor(100 * random());
    now += passes;
    if (running.length > 0) busy += passes;
    const starts = i < 1000 && random() < 0.5;
    if (starts) running.push(time.start(now).since);
    else if (running.length > 0) parts += time.end(now, running.splice(Math.floor(random() * running.length), 1)[0]!);
  }
  expect(busy).toBeGreaterThan(10_000);
  expect(parts).toBeCloseTo(busy, 6);
});
