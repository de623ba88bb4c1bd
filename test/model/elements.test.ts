// How elements go in, where JS has more than one way to write them.

import { type Device, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { identity, initializer, model, node, square, strings, value } from '../support/onnx-builder.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

/** Where(b, 1, 0), b == true and not b: operators that look at a bool's byte in three ways. */
const logic = () =>
  model({
    inputs: [value('b', 'bool', ['N'])],
    outputs: [value('where', 'float32', ['N']), value('equal', 'bool', ['N']), value('not', 'bool', ['N'])],
    nodes: [
      node('Where', ['b', 'one', 'zero'], ['where']),
      node('Equal', ['b', 'yes'], ['equal']),
      node('Not', ['b'], ['not']),
    ],
    initializers: [
      initializer('one', 'float32', [1], Float32Array.of(1)),
      initializer('zero', 'float32', [1], Float32Array.of(0)),
      initializer('yes', 'bool', [1], Uint8Array.of(1)),
    ],
  });

// Small ones are copied on their way in, large ones are not.
test.each([4, 100_000])('a bool of any byte but 0 is true, among %i of them', async (count) => {
  await using logical = await device.loadModel(logic());
  const data = Uint8Array.from({ length: count }, (_, i) => [0, 1, 2, 255][i % 4]!);
  const b: Tensor<'bool'> = { type: 'bool', data, dims: [count] };
  const outputs = await logical.run({ b });
  const read = (name: string) => Array.from(outputs[name]!.data as Uint8Array);
  const truth = Array.from(data, (byte) => Number(byte !== 0));
  expect(read('where')).toEqual(truth);
  expect(read('equal')).toEqual(truth);
  expect(read('not')).toEqual(truth.map((one) => 1 - one));
  expect(data.subarray(0, 4), "the caller's own bytes stay as they are").toEqual(Uint8Array.of(0, 1, 2, 255));
});

test('a bool tensor on the device is cast by its truth', async () => {
  const b: Tensor<'bool'> = { type: 'bool', data: Uint8Array.of(0, 1, 2, 255), dims: [4] };
  expect((await device.ops.cast(b, 'float32')).data).toEqual(Float32Array.of(0, 1, 1, 1));
});

test('dims that are a typed array are refused in words that fit', async () => {
  await using squared = await device.loadModel(square({ features: 2 }));
  const dims = Int32Array.of(2, 2) as unknown as number[];
  const x: Tensor<'float32'> = { type: 'float32', data: Float32Array.of(1, 2, 3, 4), dims };
  const words = /dims must be a plain array of integers, got Int32Array/;
  await expectError(squared.run({ x }), 'ERR_SHAPE', words);
  await expectError(device.linalg.matmul(x, x), 'ERR_SHAPE', words);
  await expectError(device.put(x), 'ERR_SHAPE', words);
});

test.each<[unknown, RegExp]>([
  [[1n, 2n], /\[1n, 2n\]/],
  [['1', '2'], /\['1', '2'\]/],
  [new Array(2), /\[undefined, undefined\]/],
])('dims of what is no number are shown as they are: %s', async (dims, words) => {
  await using squared = await device.loadModel(square({ features: 2 }));
  const x = { type: 'float32', data: Float32Array.of(1, 2), dims } as unknown as Tensor<'float32'>;
  await expectError(squared.run({ x }), 'ERR_SHAPE', words);
  await expectError(device.linalg.svd(x), 'ERR_SHAPE', words);
});

test('feeds are an object, not a Map', async () => {
  await using squared = await device.loadModel(square({ features: 2 }));
  const feeds = new Map([['x', tensor([[1, 2]])]]) as never;
  await expectError(squared.run(feeds), 'ERR_ARGUMENT', /expected an object with 'x', got a Map; Object.fromEntries/);
});

test('pixels of a canvas are uint8', async () => {
  await using same = await device.loadModel(identity('uint8', ['N', 2]));
  const pixels = Uint8ClampedArray.of(1, 2);
  expect((await same.run({ x: tensor(pixels, [1, 2]) })).y!.data).toEqual(Uint8Array.of(1, 2));
  const x = { type: 'uint8', data: pixels, dims: [1, 2] } as never;
  expect((await same.run({ x })).y!.data).toEqual(Uint8Array.of(1, 2));
});

test('what is no string is refused, not turned into one', async () => {
  await using texts = await device.loadModel(strings({ features: 2 }));
  for (const wrong of [null, 1, Symbol('s'), undefined, {}]) {
    const x = { type: 'string', data: ['a', wrong], dims: [1, 2] } as never;
    await expectError(texts.run({ x }), 'ERR_DTYPE', /element 1 of a string tensor/);
  }
});

/** Since ONNX 1.20. */
const newest = { opset: 25, irVersion: 11 };

test.each([
  ['int2', Int8Array.of(0b11_10_01_00, 0b01), [0, 1, -2, -1, 1]],
  ['uint2', Uint8Array.of(0b11_10_01_00, 0b01), [0, 1, 2, 3, 1]],
] as const)('%s is packed four a byte', async (type, data, numbers) => {
  await using loaded = await device.loadModel(identity(type, ['N', 5], newest));
  const x = { type, data, dims: [1, 5] } as Tensor;
  expect(loaded.batching.reason).toMatch(new RegExp(`packs four ${type} elements a byte`));
  const { y } = await loaded.run({ x });
  expect(y).toEqual(x);
  await expectError(loaded.run({ x: { ...x, dims: [1, 9] } as Tensor }), 'ERR_SHAPE');
  await expectError(
    loaded.run({ x: { ...x, data: data.slice(0, 1) } as Tensor }),
    'ERR_SHAPE',
    /needs 2 elements, but data has 1/,
  );
  // What the bits stand for.
  const cast = value('y', 'float32', ['N', 5]);
  const toFloat = {
    inputs: [value('x', type, ['N', 5])],
    outputs: [cast],
    nodes: [node('Cast', ['x'], ['y'], { to: { int: 1 } })],
  };
  await using reading = await device.loadModel(model(toFloat, newest));
  expect([...(await reading.run({ x })).y!.data]).toEqual(numbers);
});

test.each(['int4', 'uint4', 'int2', 'uint2'] as const)('numbers that became %s are those', async (type) => {
  const toFloat = {
    inputs: [value('x', type, ['N', 3])],
    outputs: [value('y', 'float32', ['N', 3])],
    nodes: [node('Cast', ['x'], ['y'], { to: { int: 1 } })],
  };
  await using reading = await device.loadModel(model(toFloat, newest));
  const numbers = {
    int4: [-8, 7, -1],
    uint4: [15, 1, 8],
    int2: [-2, 1, -1],
    uint2: [3, 1, 2],
  };
  expect([...(await reading.run({ x: tensor([numbers[type]], { type }) })).y!.data]).toEqual(numbers[type]);
});

test('float4e2m1 is packed two a byte', async () => {
  const x = { type: 'float4e2m1', data: Uint8Array.of(0x21, 0x0f), dims: [1, 3] } as const;
  const held = { type: 'float4e2m1', data: Uint8Array.of(0xf1, 0x43), dims: [4] } as const;
  // ONNX Runtime 1.30 has no operator on the CPU that takes it: an input may be an output, and an initializer may.
  const passed = {
    inputs: [value('x', 'float4e2m1', ['N', 3])],
    outputs: [value('x', 'float4e2m1', ['N', 3]), value('held', 'float4e2m1', [4])],
    nodes: [],
    initializers: [initializer('held', 'float4e2m1', [4], held.data)],
  };
  await using loaded = await device.loadModel(model(passed, newest));
  expect(loaded.inputs[0]).toMatchObject({ type: 'float4e2m1', dims: [-1, 3] });
  expect(loaded.batching.reason).toMatch(/packs two float4e2m1 elements a byte/);
  expect(await loaded.run({ x })).toEqual({ x, held });
  await expectError(
    loaded.run({ x: { ...x, data: Uint8Array.of(1) } }),
    'ERR_SHAPE',
    /needs 2 elements, but data has 1/,
  );
  await expectError(device.loadModel(identity('float4e2m1', ['N', 3], newest)), 'ERR_MODEL', /Identity/);
});

test('float8e8m0 is a power of two', async () => {
  const bytes = model(
    {
      inputs: [value('x', 'float8e8m0', ['N', 2])],
      outputs: [value('y', 'float32', ['N', 2])],
      nodes: [node('Cast', ['x'], ['y'], { to: { int: 1 } })],
    },
    newest,
  );
  await using reading = await device.loadModel(bytes);
  const rows = [
    [1, 0.5],
    [2 ** 100, Number.NaN],
  ].map((row) => tensor([row], { type: 'float8e8m0' }));
  const results = await Promise.all(rows.map((x) => reading.run({ x })));
  expect(results.map(({ y }) => [...y!.data])).toEqual([
    [1, 0.5],
    [2 ** 100, Number.NaN],
  ]);
});
