// What a device says to change: of its models, of the process, and of its container.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Device, type Model, open, tensor } from 'tensorlane';
import { describe, expect, onTestFinished, test } from 'vitest';
import { onThrottling } from '../../lib/device/advisor.js';
import { cpuLimit, throttling } from '../../lib/device/container.js';
import { square } from '../support/onnx-builder.js';

const row = { x: tensor(Float32Array.of(1, 2), [1, 2]) };

async function runs(model: Model, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await model.run(row);
}

const padded = async (device: Device, name: string) =>
  device.loadModel(square({ features: 2 }), { name, batching: { allowedBatchSizes: [4] }, warmup: true });

test('tells of each model by its name, from its load on, and of a disposed one no more', async () => {
  await using device = await open('cpu');
  expect(device.advise()).toEqual([]);
  const model = await padded(device, 'filled up');
  await using other = await device.loadModel(square({ features: 2 }), { name: 'as it should be' });
  await runs(model, 99);
  expect(device.advise(), 'of fewer requests than tell anything').toEqual([]);
  await runs(model, 1);
  await runs(other, 100);
  const found = device.advise().filter(({ model }) => model !== undefined);
  expect(found).toEqual([
    {
      rule: 'padding',
      model: 'filled up',
      problem: expect.stringContaining('75% of what is computed is padding'),
      change: expect.stringContaining('allowedBatchSizes'),
    },
  ]);
  await model.dispose();
  expect(device.advise().filter(({ model }) => model === 'filled up')).toEqual([]);
  await device.dispose();
  expect(device.advise()).toEqual([]);
});

test('tells of a JS thread that does nothing but work', async () => {
  await using device = await open('cpu');
  await using model = await device.loadModel(square({ features: 2 }));
  const work = (millis: number) => {
    for (const until = performance.now() + millis; performance.now() < until; );
  };
  // Twenty at once, each with work of its own after its answer: 200 ms of it for each batch.
  const caller = async () => {
    for (let i = 0; i < 6; i++) {
      await model.run(row);
      work(10);
    }
  };
  await Promise.all(Array.from({ length: 20 }, caller));
  const rules = device.advise().map(({ rule }) => rule);
  expect(rules).toContain('thread');
  expect(rules, 'it is told once').not.toContain('device');
});

describe('a container’s limit of CPU time', () => {
  function rooted(files: Readonly<Record<string, string>>): string {
    const root = mkdtempSync(join(tmpdir(), 'tensorlane-cgroup-'));
    onTestFinished(() => rmSync(root, { recursive: true }));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    return root;
  }
  const v2 = (periods: number, stopped: number, micros: number) =>
    `usage_usec 900\nnr_periods ${periods}\nnr_throttled ${stopped}\nthrottled_usec ${micros}\nnr_bursts 0\n`;

  test('is read of the group and of those that it lies in, v2', () => {
    const root = rooted({
      'proc/self/cgroup': '0::/pod/app\n',
      'sys/fs/cgroup/cpu.stat': 'usage_usec 12\n',
      'sys/fs/cgroup/pod/cpu.stat': v2(200, 50, 4_000_000),
      'sys/fs/cgroup/pod/app/cpu.stat': v2(0, 0, 0),
    });
    expect(throttling(root)).toEqual({ allPeriods: 200, periods: 50, micros: 4_000_000 });
  });

  test('is read in nanoseconds, v1', () => {
    const root = rooted({
      'proc/self/cgroup': '5:memory:/a\n4:cpu,cpuacct:/a\n',
      'sys/fs/cgroup/cpu,cpuacct/a/cpu.stat': 'nr_periods 100\nnr_throttled 20\nthrottled_time 7000000\n',
    });
    expect(throttling(root)).toEqual({ allPeriods: 100, periods: 20, micros: 7000 });
  });

  test('is the tightest of them, in cores', () => {
    const files = { 'proc/self/cgroup': '0::/pod/app\n', 'sys/fs/cgroup/pod/app/cpu.max': 'max 100000\n' };
    expect(cpuLimit(rooted(files))).toBe(undefined);
    expect(cpuLimit(rooted({ ...files, 'sys/fs/cgroup/pod/cpu.max': '150000 100000\n' }))).toBe(1.5);
    const v1 = {
      'sys/fs/cgroup/cpu/a/cpu.cfs_quota_us': '50000\n',
      'sys/fs/cgroup/cpu/a/cpu.cfs_period_us': '100000\n',
    };
    expect(cpuLimit(rooted({ 'proc/self/cgroup': '4:cpu,cpuacct:/a\n', ...v1 }))).toBe(0.5);
    const none = { ...v1, 'sys/fs/cgroup/cpu/a/cpu.cfs_quota_us': '-1\n' };
    expect(cpuLimit(rooted({ 'proc/self/cgroup': '4:cpu:/a\n', ...none }))).toBe(undefined);
    expect(cpuLimit(rooted({}))).toBe(undefined);
  });

  test('is none where there is none, or nothing can be read', () => {
    expect(throttling(rooted({ 'proc/self/cgroup': '0::/a\n', 'sys/fs/cgroup/a/cpu.stat': v2(0, 0, 0) }))).toBe(
      undefined,
    );
    expect(throttling(rooted({}))).toBe(undefined);
  });

  test('is told of where it stopped the process meanwhile', () => {
    const before = { allPeriods: 1000, periods: 900, micros: 9e6 };
    const [advice] = onThrottling(before, { allPeriods: 1100, periods: 940, micros: 11e6 });
    expect(advice).toMatchObject({ rule: 'throttled', change: expect.stringContaining('open({ threads, streams })') });
    expect(advice!.problem).toContain('in 40% of its periods, for 2,000 ms');
    expect(onThrottling(before, { allPeriods: 1100, periods: 903, micros: 9.1e6 })).toEqual([]);
    expect(onThrottling(before, before)).toEqual([]);
    expect(onThrottling(before, undefined)).toEqual([]);
  });
});
