import { listDevices, open } from 'tensorlane';
import { expect, test } from 'vitest';
import { onCuda } from './support/device.js';
import { expectError } from './support/errors.js';
import { printedBy } from './support/processes.js';

test.skipIf(onCuda)('open() falls back to the CPU and says why', async () => {
  await using device = await open();
  expect(device.info).toMatchObject({ kind: 'cpu', index: 0 });
  expect(device.info.name).not.toBe('');
  expect(device.info.memoryBytes).toBeGreaterThan(2 ** 28);
  expect(device.info.library).toMatch(/OpenBLAS \d/);
  expect(device.info.fallbackReason).toMatch(/CUDA|NVIDIA/);
});

test("open('cpu') gives the CPU without an excuse", async () => {
  await using device = await open('cpu');
  expect(device.info.fallbackReason).toBeUndefined();
});

test.skipIf(onCuda)('streams sets how many there are', async () => {
  await using device = await open({ device: 'cpu', streams: 3 });
  expect(device.streams.size).toBe(3);
  const none = { busy: 0, queued: 0, completed: 0, expedited: 0, busyMicros: 0, waitedMicros: 0 };
  expect(device.stats().streams).toEqual({ size: 3, ...none });
});

test('listDevices lists the CPU', async () => {
  expect((await listDevices()).map(({ kind }) => kind)).toContain('cpu');
});

test('refuses what it does not have or know', async () => {
  await expectError(open('cuda:99'), 'ERR_NO_DEVICE', /'cuda:99' cannot be opened/);
  await expectError(open('tpu' as never), 'ERR_ARGUMENT', /'cpu', 'cuda' or 'cuda:N', got 'tpu'/);
  await expectError(open({ lanes: 2 } as never), 'ERR_ARGUMENT', /no option 'lanes'/);
  await expectError(open({ streams: 0 }), 'ERR_ARGUMENT', /from 1 to 1024, got 0/);
  await expectError(open({ niceness: 20 }), 'ERR_ARGUMENT', /from 0 to 19, got 20/);
  await expectError(open({ threads: 1.5 }), 'ERR_ARGUMENT', /integer/);
  await expectError(open('cpu:0' as never), 'ERR_ARGUMENT', /got 'cpu:0'/);
  await expectError(
    open({ highPriorityStreams: 1 }),
    'ERR_ARGUMENT',
    /expected at most streams, which is not given, got 1/,
  );
  await expectError(open({ memory: { fraction: 2 } }), 'ERR_ARGUMENT', /above 0 and at most 1, got 2/);
  await expectError(open({ memory: { limit: 2 } as never }), 'ERR_ARGUMENT', /no option 'limit'/);
  await expectError(open(null as never), 'ERR_ARGUMENT', /null/);
  for (const onnxruntimeProviders of [5, '', 'a\0b']) {
    await expectError(
      open({ onnxruntimeProviders } as never),
      'ERR_ARGUMENT',
      /open: onnxruntimeProviders must be a string of at least one/,
    );
  }
});

test('a library that is not there is named when a model is loaded', async () => {
  // In a process of its own, because a process keeps the first runtime that it opened.
  const script = `
    import { open } from 'tensorlane';
    const device = await open({ device: 'cpu', onnxruntime: '/nowhere/libonnxruntime.so' });
    await device.loadModel(new Uint8Array(8)).catch((error) => console.log(error.code, error.message));
    await device.dispose();`;
  const output = await printedBy(script);
  expect(output).toMatch(/^ERR_NO_RUNTIME loadModel: .*\/nowhere\/libonnxruntime\.so/);
  expect(output).toMatch(/TENSORLANE_ONNXRUNTIME/);
});
