// What Triton's instance_group means on one GPU, on several as one, and on the CPU.

import type { DeviceInfo } from 'tensorlane';
import { expect, test } from 'vitest';
import { parseConfig } from '../lib/triton/config.js';
import { onnxMeaning } from '../lib/triton/options.js';

const gpu = (index: number): DeviceInfo => ({
  kind: 'cuda',
  name: 'a GPU',
  index,
  memoryBytes: 1,
  library: 'none',
  threads: 1,
});
const [second, both] = [gpu(1), { ...gpu(0), devices: [gpu(0), gpu(2)] }];
const cpu = { ...gpu(0), kind: 'cpu' as const };
const meaning = (group: string, info: DeviceInfo) => onnxMeaning(parseConfig(`instance_group { ${group} }`, 'm'), info);

test.each([
  ['count: 2', second, 2, []],
  ['count: 2', both, 4, []],
  ['count: 2 kind: KIND_GPU gpus: [2, 0]', both, 4, []],
  ['gpus: [0, 1]', both, 2, ['instance_group: gpus [0, 1], but it runs on GPU 0, 2']],
  ['gpus: [0, 1]', second, 1, ['instance_group: gpus [0, 1], but it runs on GPU 1']],
  ['count: 3 gpus: 0', cpu, 3, ['instance_group: gpus have no effect on the CPU']],
])('%s', (group, info, concurrency, warnings) => {
  const { load, warnings: told } = meaning(group, info);
  expect([load.concurrency, told]).toEqual([concurrency, warnings]);
});

test('GPUs none of which is there are refused', () => {
  expect(() => meaning('gpus: 1', both)).toThrow('gpus [1], but the device is GPU 0, 2');
  expect(() => meaning('gpus: 0', second)).toThrow('gpus [0], but the device is GPU 1');
});
