// How many cores a device uses by default, where a control group limits them: in one that is made for it, where this process may.

import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runNode } from '../support/processes.js';

/** v1, then v2; the latter only where its root hands on the controller. */
const mounts = [
  { root: '/sys/fs/cgroup/cpu', limits: { 'cpu.cfs_period_us': '100000', 'cpu.cfs_quota_us': '50000' } },
  { root: '/sys/fs/cgroup', limits: { 'cpu.max': '50000 100000' } },
];

/** A group of half a core; undefined where none can be made. */
function halfACore(): string | undefined {
  for (const { root, limits } of mounts) {
    const group = join(root, `tensorlane-test-${process.pid}`);
    try {
      mkdirSync(group);
    } catch {
      continue;
    }
    if (Object.keys(limits).every((file) => existsSync(join(group, file)))) {
      for (const [file, limit] of Object.entries(limits)) writeFileSync(join(group, file), limit);
      return group;
    }
    rmdirSync(group);
  }
  return undefined;
}

const group = halfACore();
afterAll(() => {
  if (group !== undefined) rmdirSync(group);
});

const program = (join: string) => `
  const { appendFileSync } = require('node:fs');
  if (${JSON.stringify(join)} !== '') appendFileSync(${JSON.stringify(join)}, String(process.pid));
  import('tensorlane').then(async ({ open }) => {
    const device = await open('cpu');
    const model = await device.loadModel(Buffer.from(process.argv[1], 'base64'));
    console.log(JSON.stringify([device.info.threads, device.streams.size, model.stats().adaptive.threads]));
    await device.dispose();
  });`;

test.skipIf(group === undefined)('half a core of time is one core, whatever the machine has', async () => {
  const { square } = await import('../support/onnx-builder.js');
  const model = Buffer.from(square()).toString('base64');
  const limited = await runNode(['-e', program(join(group!, 'cgroup.procs')), model]);
  expect([limited.code, limited.stderr]).toEqual([0, '']);
  expect(JSON.parse(limited.stdout)).toEqual([1, 2, 1]);
});
