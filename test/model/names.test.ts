// Names that JS objects have by themselves, as names of a model's values.

import { type Device, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const strange = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '0', 'a b', 'ü'];
const named = (input: string, output: string) =>
  models.model({
    inputs: [models.value(input, 'float32', ['N', 2])],
    outputs: [models.value(output, 'float32', ['N', 2])],
    nodes: [models.node('Neg', [input], [output])],
  });
const row = (value: number) => tensor(new Float32Array(2).fill(value), [1, 2]);
const feed = (name: string, value: Tensor) => Object.fromEntries([[name, value]]);

test.each(strange)('outputs called %s are the results’ own, in batches, alone and joined', async (name) => {
  await using model = await device.loadModel(named('x', name), { batching: { maxBatchSize: 4 } });
  const rows = [
    row(1),
    row(2),
    tensor(
      Float32Array.from({ length: 20 }, (_, i) => i),
      [10, 2],
    ),
  ];
  const all = [...(await Promise.all(rows.map((x) => model.run({ x })))), await model.run({ x: rows[0]! })];
  for (const [i, outputs] of all.entries()) {
    expect(Object.keys(outputs)).toEqual([name]);
    expect(Object.getPrototypeOf(outputs)).toBe(Object.prototype);
    const { data } = Object.getOwnPropertyDescriptor(outputs, name)!.value as Tensor<'float32'>;
    expect(data).toEqual((rows[i % 3]!.data as Float32Array).map((v) => -v));
  }
  const wanted = await model.run({ x: row(3) }, { outputs: [name] });
  expect(Object.keys(wanted)).toEqual([name]);
});

test.each(strange)('inputs called %s are given, or missing', async (name) => {
  await using model = await device.loadModel(named(name, 'y'), { warmup: true });
  const [first, second] = await Promise.all([row(1), row(2)].map((value) => model.run(feed(name, value))));
  expect([first!.y!.data[0], second!.y!.data[0]]).toEqual([-1, -2]);
  await expectError(model.run({}), 'ERR_ARGUMENT', /is missing; the model takes '.*', given was nothing/);
  await expectError(model.run({ other: row(1) }), 'ERR_ARGUMENT', /is missing; .* given was 'other'/);
});

test('a literal that sets a prototype gives no input', async () => {
  await using model = await device.loadModel(named('__proto__', 'y'));
  const given = { __proto__: row(1) } as never;
  await expectError(
    model.run(given),
    'ERR_ARGUMENT',
    /own properties, got inherited ones: 'type', 'data', 'dims'; \{ \['__proto__'\]/,
  );
});

test.each(strange)('options may name %s', async (name) => {
  const batchAxis = { inputs: { [name]: 1 }, outputs: { [name]: 1 } };
  const bytes = models.model({
    inputs: [models.value(name, 'float32', [2, 'N'])],
    outputs: [models.value('y', 'float32', [2, 'N'])],
    nodes: [models.node('Neg', [name], ['y'])],
  });
  await expectError(
    device.loadModel(bytes, { batching: { batchAxis } }),
    'ERR_ARGUMENT',
    /the model has no '.*'; it has 'y'/,
  );
});

test('states of a sequence', async () => {
  const bytes = models.model({
    inputs: [models.value('x', 'float32', ['N', 2]), models.value('__proto__', 'float32', ['N', 2])],
    outputs: [models.value('y', 'float32', ['N', 2]), models.value('constructor', 'float32', ['N', 2])],
    nodes: [models.node('Neg', ['x'], ['y']), models.node('Add', ['x', '__proto__'], ['constructor'])],
  });
  await using model = await device.loadModel(bytes);
  await using sequence = model.sequence({ states: Object.fromEntries([['__proto__', 'constructor']]) });
  await sequence.run({ x: row(1) });
  const last = await sequence.run({ x: row(2) }, { outputs: ['constructor'] });
  expect((last.constructor as unknown as Tensor).data).toEqual(Float32Array.of(3, 3));
});
