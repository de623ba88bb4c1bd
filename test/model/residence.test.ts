// Device tensors as a model's inputs, and outputs that stay on the device.

import { type Device, DeviceTensor, type Model, open, tensor } from 'tensorlane';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { onCuda, testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { sequenceThrough, zipMap } from '../support/onnx-values.js';
import { expectSame, floats, type Outputs } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterEach(() => expect(device.stats().tensors).toBe(0));
afterAll(() => device.dispose());

const residents = async (running: Promise<Outputs>) => (await running) as unknown as Record<string, DeviceTensor>;
const sizes = (model: Model) => model.stats().batches.sizes;

describe('device tensors as inputs', () => {
  test('share batches with those of host memory, small and large', async () => {
    await using model = await device.loadModel(models.identity('float32', ['N', 'W']));
    for (const width of [3, 30_000]) {
      const rows = [1, 2, 3, 4].map((n, i) => floats([n, width], i + width));
      await using first = await device.put(rows[0]!);
      await using third = await device.put(rows[2]!);
      const results = await Promise.all([first, rows[1]!, third, rows[3]!].map((x) => model.run({ x })));
      for (const [i, outputs] of results.entries()) expectSame(outputs, { y: rows[i]! }, `${width}, ${i}`);
    }
    if (!onCuda) expect(sizes(model)).toEqual({ 10: 2 });
  });

  test('slices and reshaped ones, of any type', async () => {
    for (const type of ['float32', 'int64', 'uint8', 'bool', 'float16'] as const) {
      await using model = await device.loadModel(models.identity(type, ['N', 2]));
      const whole = tensor([[0, 1, 1, 0, 1, 0]], { type });
      await using put = await device.put(whole);
      await using reshaped = put.reshape([3, 2]);
      await using rows = reshaped.slice(1);
      const { y } = await model.run({ x: rows });
      expect([y!.type, y!.dims, y!.data]).toEqual([type, [2, 2], whole.data.slice(2)]);
    }
  });

  test('may be disposed as soon as the run is asked for, and not before', async () => {
    await using model = await device.loadModel(models.square({ features: 2 }));
    const x = await device.put(floats([1, 2], 1));
    const { data } = await x.get();
    const running = model.run({ x });
    const freed = x.dispose();
    expect([...(await running).y!.data]).toEqual([...data].map((v) => Math.fround(v * v)));
    await freed;
    await expectError(model.run({ x }), 'ERR_DISPOSED', /disposed/);
  });

  test('of which one fails leave the others usable and free', async () => {
    await using model = await device.loadModel(models.add({ features: 2 }));
    const a = await device.put(floats([1, 2], 1));
    const b = await device.put(floats([1, 2], 2));
    await b.dispose();
    await expectError(model.run({ a, b }), 'ERR_DISPOSED');
    await a.dispose(); // it would wait for a use that never ended
  });

  test('of another device are refused or brought over in words', async () => {
    await using other = await open({ device: testDevice, streams: 1 });
    await using model = await device.loadModel(models.square({ features: 2 }));
    await using x = await other.put(floats([1, 2], 1));
    if (onCuda) expect((await model.run({ x })).y!.dims).toEqual([1, 2]);
    else await expectError(model.run({ x }), 'ERR_ARGUMENT', /run: the tensor is in the memory of another device/);
  });

  test('are checked as others are', async () => {
    await using model = await device.loadModel(models.square({ features: 2 }));
    await using wide = await device.put(floats([1, 3], 1));
    await using double = await device.put(tensor(new Float64Array(2), [1, 2]));
    await expectError(model.run({ x: wide }), 'ERR_SHAPE', /input 'x' takes dims \[N, 2\], but was given \[1, 3\]/);
    await expectError(model.run({ x: double }), 'ERR_DTYPE', /input 'x' takes float32, but was given float64/);
    await using sequence = await device.loadModel(sequenceThrough());
    await expectError(sequence.run({ x: [wide] } as never), 'ERR_NOT_SUPPORTED', /element 0: .*get\(\) it first/);
  });

  test('where rows are padded or shared', async () => {
    const padVariableLength = { inputs: { x: { axis: 1 } }, maskInput: 'mask' };
    await using padded = await device.loadModel(models.masked(), {
      batching: { independentRows: true, padVariableLength },
    });
    const rows = [2, 3].map((length) => floats([1, length, 2], length));
    const expected = await Promise.all(rows.map((x) => padded.run({ x })));
    const put = await Promise.all(rows.map((x) => device.put(x)));
    const given = await Promise.all(put.map((x) => padded.run({ x })));
    for (const [i, outputs] of given.entries()) expectSame(outputs, expected[i]!, `${i}`);

    const batchAxis = { inputs: { state: 1, k: null }, outputs: { next: 1 } };
    await using recurrent = await device.loadModel(models.recurrent(), {
      batching: { batchAxis, independentRows: true },
    });
    const feeds = { x: floats([1, 4], 1), state: floats([2, 1, 3], 2), k: tensor(Float32Array.of(2), []) };
    const state = await device.put(feeds.state);
    const k = await device.put(feeds.k);
    expectSame(await recurrent.run({ ...feeds, state, k }), await recurrent.run(feeds), 'recurrent');
    for (const one of [...put, state, k]) await one.dispose();
  });

  test('in sequences of runs', async () => {
    const batchAxis = { inputs: { state: 1, k: null }, outputs: { next: 1 } };
    await using model = await device.loadModel(models.recurrent(), { batching: { batchAxis, independentRows: true } });
    await using sequence = model.sequence({ states: { state: 'next' } });
    const k = tensor(Float32Array.of(2), []);
    const x = floats([1, 4], 1);
    await using resident = await device.put(x);
    const given = await Promise.all([sequence.run({ x: resident, k }), sequence.run({ x: resident, k })]);
    for (const { y } of given) expect(y!.data).toEqual(x.data.map((v) => 2 * v));
  });
});

describe('outputs that stay', () => {
  test('are device tensors, of runs alone and in batches, and chain', async () => {
    await using model = await device.loadModel(models.square({ features: 3 }));
    const rows = [1, 2, 3].map((n, i) => floats([n, 3], i));
    const outputs = await Promise.all(rows.map((x) => residents(model.run({ x }, { resident: true }))));
    for (const [i, { y }] of outputs.entries()) {
      expect(y).toBeInstanceOf(DeviceTensor);
      const again = await model.run({ x: y! as DeviceTensor<'float32'> });
      expect(again.y!.data).toEqual(rows[i]!.data.map((v) => Math.fround(v * v)).map((v) => v * v));
      await y!.dispose();
    }
    const single = await residents(model.run({ x: rows[0]! }, { resident: true }));
    expect((await single.y!.get()).data).toEqual(rows[0]!.data.map((v) => v * v));
    await single.y!.dispose();
  });

  test('are their owner’s alone, also where the graph passes an input or a value twice through', async () => {
    const bytes = models.model({
      inputs: [models.value('x', 'float32', ['N', 'W'])],
      outputs: ['a', 'b', 'c'].map((name) => models.value(name, 'float32', ['N', 'W'])),
      nodes: [
        models.node('Identity', ['x'], ['a']),
        models.node('Neg', ['x'], ['b']),
        models.node('Identity', ['b'], ['c']),
      ],
    });
    await using model = await device.loadModel(bytes, { batching: false });
    const x = floats([1, 40_000], 3);
    const { a, b, c } = await residents(model.run({ x }, { resident: true }));
    const expected = x.data.slice();
    x.data.fill(0);
    expect((await a!.get()).data).toEqual(expected);
    await b!.dispose();
    expect((await c!.get()).data).toEqual(expected.map((v) => -v));
    await Promise.all([a!.dispose(), c!.dispose()]);
  });

  test('outlive their model; with their device they end', async () => {
    const own = await open({ device: testDevice, streams: 1 });
    const model = await own.loadModel(models.square({ features: 20_000 }));
    const { y } = await residents(model.run({ x: floats([1, 20_000], 1) }, { resident: true }));
    await model.dispose();
    expect((await y!.get()).dims).toEqual([1, 20_000]);
    await own.dispose();
    expect(y!.disposed).toBe(true);
    await expectError(y!.get(), 'ERR_DISPOSED');
  });

  test('a request that is split stays too', async () => {
    await using model = await device.loadModel(models.square({ features: 1 }), { batching: { maxBatchSize: 2 } });
    const x = floats([5, 1], 2);
    const { y } = await residents(model.run({ x }, { resident: true }));
    expect((await y!.get()).data).toEqual(x.data.map((v) => v * v));
    await y!.dispose();
  });

  test('strings and what is no tensor cannot', async () => {
    await using strings = await device.loadModel(models.strings());
    await expectError(
      strings.run({ x: tensor(['a'], [1, 1]) }, { resident: true }),
      'ERR_ARGUMENT',
      /resident: output 'y' is a tensor of string, which has no place in device memory/,
    );
    await using classifier = await device.loadModel(zipMap([0, 1]));
    const x = floats([1, 2], 1);
    await expectError(
      classifier.run({ x }, { resident: true }),
      'ERR_ARGUMENT',
      /'probabilities' is a sequence of Maps/,
    );
    const { label } = await residents(classifier.run({ x }, { resident: true, outputs: ['label'] }));
    expect(label!.type).toBe('int64');
    await label!.dispose();
    await expectError(
      classifier.run({ x }, { resident: 'yes' } as never),
      'ERR_ARGUMENT',
      /resident must be true or false/,
    );
  });
});
