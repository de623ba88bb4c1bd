// What a model is to run on: the option `providers`, where there is nothing but the CPU.

import { type Device, open, type Provider } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { floats } from './support.js';

const square = models.square();
let device: Device;
beforeAll(async () => {
  device = await open('cpu');
});
afterAll(() => device.dispose());

test('the CPU is what there is by default, and may be named', async () => {
  for (const options of [{}, { providers: ['cpu'] as const }]) {
    await using model = await device.loadModel(square, options);
    expect([model.provider, model.fallbackReason, model.info]).toEqual([
      'cpu',
      undefined,
      { provider: 'cpu', memory: 'host', sessions: 1 },
    ]);
  }
});

test("without CUDA's provider 'cuda' falls back with the reason, or fails where the CPU is not named", async () => {
  await using model = await device.loadModel(square, { providers: ['cuda', 'cpu'] });
  expect(model.info).toMatchObject({
    provider: 'cpu',
    fallbackReason: expect.stringMatching(/cannot use CUDA here: .{40}/),
  });
  expect((await model.run({ x: floats([1, 16], 1) })).y!.dims).toEqual([1, 16]);
  await expectError(device.loadModel(square, { providers: ['cuda'] }), 'ERR_MODEL', /cannot use CUDA here: .{40}/);
});

test('what is no provider is refused by name', async () => {
  const wrong: [unknown, RegExp][] = [
    [[], /providers must be an array of 'cpu', .*got/],
    ['cuda', /providers must be an array of 'cpu', .*got 'cuda'/],
    [['gpu'], /providers\[0\] must be 'cpu', .*got 'gpu'/],
    [['cpu', 3], /providers\[1\] must be an object, got 3/],
    [[{ name: 'tpu' }], /providers\[0\].name must be 'cuda', or stand beside its library, got 'tpu'/],
    [[{ name: 'cuda', devise: 1 }], /providers\[0\]: there is no option 'devise'; there is name, options/],
    [[{ library: '' as string, name: 'A' }], /providers\[0\].library must be a string of at least one character/],
    [[{ library: 'a.so' }], /providers\[0\].name must be a string/],
    [[{ library: 'a.so', name: 'A', device: -1 }], /providers\[0\].device must be an integer of at least 0, got -1/],
    [[{ library: 'a.so', name: 'A', options: { k: 1 } }], /providers\[0\].options.k must be a string, got 1/],
  ];
  for (const [providers, message] of wrong) {
    await expectError(device.loadModel(square, { providers: providers as Provider[] }), 'ERR_ARGUMENT', message);
  }
});
