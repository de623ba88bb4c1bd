// Finding a CUDA device, and saying what is missing where there is none.

import { listDevices, open } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { random } from '../support/matrices.js';
import { printedBy } from '../support/processes.js';
import { emulation } from './emulation.js';

test('open() takes the GPU, and says what it is', async () => {
  await using device = await open();
  expect(device.info).toMatchObject({ kind: 'cuda', index: 0 });
  expect(device.info.name).not.toBe('');
  expect(device.info.memoryBytes).toBeGreaterThan(2 ** 28);
  expect(device.info.computeCapability).toMatch(/^\d+\.\d$/);
  expect(device.info.driver).toMatch(/^\d+\.\d$/);
  expect(device.info.runtime).toMatch(/^1[23]\.\d$/);
  expect(device.info.pciAddress).toMatch(/^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.0$/);
  expect(device.info.library).toMatch(/cuSOLVER \d/);
  expect(device.info.fallbackReason).toBeUndefined();
});

test('listDevices has the GPUs first and the CPU last', async () => {
  const devices = await listDevices();
  expect(devices.at(-1)!.kind).toBe('cpu');
  expect(devices[0]!.kind).toBe('cuda');
  expect(devices.map(({ kind, index }) => (kind === 'cuda' ? index : -1))).toEqual([
    ...devices.slice(0, -1).map((_, i) => i),
    -1,
  ]);
});

test('every GPU can be opened, one beside the other', async () => {
  const names = (await listDevices())
    .filter(({ kind }) => kind === 'cuda')
    .map(({ index }) => `cuda:${index}` as const);
  const devices = await Promise.all(names.map((name) => open({ device: name, streams: 2 })));
  const a = random('float64', [30, 30]);
  const products = await Promise.all(devices.map((device) => device.linalg.matmul(a, a)));
  for (const product of products) expect(product.data).toEqual(products[0]!.data);
  await Promise.all(devices.map((device) => device.dispose()));
});

test('streams have priorities', async () => {
  await using device = await open({ device: testDevice, streams: 3, highPriorityStreams: 1 });
  using high = await device.streams.acquire({ priority: 'high' });
  expect(high.priority).toBe('high');
  const a = random('float64', [30, 30]);
  const one = await device.linalg.matmul(a, a, { stream: high });
  expect((await device.linalg.matmul(a, a)).data).toEqual(one.data);
  expect(device.streams.available).toBe(2);
  await expectError(device.streams.acquire({ priority: 'low' as never }), 'ERR_ARGUMENT', /'normal' or 'high'/);
});

test('TF32 happens only when it is asked for', async () => {
  await using device = await open(testDevice);
  const third: { type: 'float32'; data: Float32Array; dims: number[] } = {
    type: 'float32',
    data: new Float32Array(64 * 64).fill(1 / 3),
    dims: [64, 64],
  };
  const exact = await device.linalg.matmul(third, third);
  const rounded = await device.linalg.matmul(third, third, { tf32: true });
  for (const x of exact.data) expect(Math.abs(x - 64 / 9)).toBeLessThan(1e-5);
  for (const x of rounded.data) expect(Math.abs(x - 64 / 9)).toBeLessThan(2e-2);
});

describe.skipIf(emulation === undefined)('where something is missing', () => {
  const run = (env: Record<string, string>, body: string) =>
    printedBy(`import { open, tensor } from 'tensorlane'; ${body}`, { env });
  const fallBack = `const device = await open(); console.log(device.info.kind, device.info.fallbackReason); await device.dispose();
    await open('cuda').catch((error) => console.log(error.code, error.message));`;

  test('no driver', async () => {
    const said = await run({ EMULATION_DRIVER: '0' }, fallBack);
    expect(said).toMatch(/^cpu .*driver/);
    expect(said).toMatch(/ERR_NO_DEVICE open: 'cuda' cannot be opened: .*driver.*; 'cpu' works everywhere/);
  });

  test('a driver that is too old', async () => {
    expect(await run({ EMULATION_DRIVER: '11040' }, fallBack)).toMatch(/^cpu .*11\.4/);
  });

  test('no GPU', async () => {
    expect(await run({ EMULATION_DEVICES: '0' }, fallBack)).toMatch(/^cpu /);
  });

  test('no cuSOLVER: the device opens, its algebra says what was tried and what to install', async () => {
    const said = await run(
      { TENSORLANE_CUDA_LIBRARIES: '/nowhere/cuda', CUDA_HOME: '/nowhere/home' },
      `const device = await open('cuda');
       console.log(device.info.kind, device.info.library);
       const held = await device.put(tensor([[1, 2], [3, 4]]));
       console.log([...(await held.get()).data].join());
       await device.linalg.svd(held).catch((error) => console.log(error.code, error.message));
       await device.dispose();`,
    );
    expect(said).toMatch(/^cuda none/);
    expect(said).toMatch(/^1,2,3,4$/m);
    expect(said).toMatch(/ERR_NO_RUNTIME/);
    expect(said).toMatch(/\/nowhere\/cuda/);
    expect(said).toMatch(/\/nowhere\/home/);
    expect(said).toMatch(/nvidia-cusolver/);
  });
});
