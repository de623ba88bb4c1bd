// Requests of different lengths in one batch, and batches filled up to allowed sizes: no element of the padding reaches anyone.

import fc from 'fast-check';
import { type Device, type LoadModelOptions, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collectGarbage } from '../reliability/support.js';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { expectSame, type Feeds, floats, outcome, sizeOf, together, wholes, withBoth } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open({ device: testDevice, threads: 1 });
});
afterAll(() => device.dispose());

/** The element that stands for one, as the array of a type has it. */
const ones = {
  int64: (n: number) => new BigInt64Array(n).fill(1n),
  int32: (n: number) => new Int32Array(n).fill(1),
  float32: (n: number) => new Float32Array(n).fill(1),
  float16: (n: number) => new Uint16Array(n).fill(0x3c00),
  bool: (n: number) => new Uint8Array(n).fill(1),
};
type MaskType = keyof typeof ones;

const maskOf = (type: MaskType, dims: readonly number[]) => ({ type, data: ones[type](sizeOf(dims)), dims }) as Tensor;

const shapes = fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 40 }), fc.nat()), {
  minLength: 1,
  maxLength: 8,
});

describe('ragged inputs, padded to one length', () => {
  test.each(['int64', 'int32', 'float32', 'float16', 'bool'] as const)('with a mask of %s', async (type) => {
    const padVariableLength = { inputs: { x: { axis: 1, value: 77 } }, maskInput: 'mask' };
    const options = { batching: { maxBatchSize: 16, allowedBatchSizes: [3, 16], padVariableLength } };
    await withBoth(device, models.masked({ type }), options, async (batched, alone) => {
      expect(batched.inputs.map(({ name }) => name)).toEqual(['x']);
      await fc.assert(
        fc.asyncProperty(shapes, async (requests) => {
          const xs = requests.map(([rows, length, seed]) => wholes([rows, length, 2], seed));
          const results = await together(
            batched,
            xs.map((x) => ({ x })),
          );
          for (const [i, x] of xs.entries()) {
            const { y, sums, ones: count } = await alone.run({ x, mask: maskOf(type, x.dims.slice(0, 2)) });
            // A sum over nothing, or with zeros of the other sign, is zero all the same.
            const positive = (tensor: Tensor) => ({ ...tensor, data: (tensor.data as Float32Array).map((v) => v + 0) });
            const own = { ...results[i]!, sums: positive(results[i]!.sums!) } as (typeof results)[number];
            expectSame(own, { y: y!, sums: positive(sums!) as Tensor, ones: count! }, `dims [${x.dims}]`);
          }
        }),
        { numRuns: 40 },
      );
      const { batches, requests } = batched.stats();
      expect(requests.failed).toBe(0);
      expect(batches.paddedRows).toBeGreaterThan(0);
      expect(batches.rows / batches.count).toBeGreaterThan(2);
    });
  });

  test.each(['int64', 'int32', 'float32'] as const)(
    'with lengths of %s; outputs are cut on all their axes',
    async (type) => {
      const padVariableLength = { inputs: { x: { axis: 1 } }, lengthInput: 'length', lengths: [4, 10, 16] };
      const options = { batching: { maxBatchSize: 8, padVariableLength } };
      await withBoth(device, models.lengths({ type }), options, async (batched, alone) => {
        await fc.assert(
          fc.asyncProperty(shapes, async (requests) => {
            const xs = requests.map(([rows, length, seed]) => floats([rows, length], seed));
            const results = await together(
              batched,
              xs.map((x) => ({ x })),
            );
            for (const [i, x] of xs.entries()) {
              const [rows, length] = x.dims as [number, number];
              const data =
                type === 'int64'
                  ? new BigInt64Array(rows).fill(BigInt(length))
                  : (type === 'int32' ? new Int32Array(rows) : new Float32Array(rows)).fill(length);
              const expected = await alone.run({ x, length: { type, data, dims: [rows] } as Tensor });
              expectSame(results[i]!, expected, `dims [${x.dims}]`);
            }
          }),
          { numRuns: 40 },
        );
        expect(batched.stats().requests.failed).toBe(0);
      });
    },
  );

  test('lengths of one bucket share a batch, and those of another do not', async () => {
    const padVariableLength = { inputs: { x: { axis: 1 } }, maskInput: 'mask' };
    await using model = await device.loadModel(models.masked(), { batching: { padVariableLength } });
    await together(
      model,
      [5, 6, 7, 8, 3, 4, 9, 0, 1].map((length) => ({ x: floats([1, length, 2], 1) })),
    );
    // 5 to 8; 3 and 4; 9; 0; 1.
    expect(model.stats().batches.sizes).toEqual({ 4: 1, 2: 1, 1: 3 });
  });

  test('true finds the one length of the inputs, and pads with zeros; where there is not one, it pads nothing', async () => {
    const batching = { padVariableLength: true, maxQueueDelayMicros: 100_000 };
    await using model = await device.loadModel(models.masked(), { batching });
    await using alone = await device.loadModel(models.masked(), { batching: false });
    const requests = [5, 6, 7, 8].map((length) => ({
      x: wholes([1, length, 2], length),
      mask: maskOf('int64', [1, length]),
    }));
    const results = await together(model, requests);
    for (const [i, request] of requests.entries()) expectSame(results[i]!, await alone.run(request), `request ${i}`);
    expect(model.stats().batches.sizes).toEqual({ 4: 1 });
    const others: readonly [string, Uint8Array][] = [
      ['two lengths', models.identity('float32', ['N', 'L', 'M'])],
      ['no name', models.identity('float32', ['N', null])],
      ['strings', models.identity('string', ['N', 'L'])],
      ['none', models.square({ features: 2 })],
      ['no batch', models.identity('float32', [2, 'L'])],
    ];
    for (const [name, bytes] of others) {
      await using other = await device.loadModel(bytes, { batching: { ...batching, required: false } });
      const { type, dims } = other.inputs[0]!;
      const own = (dims as number[]).map((dim) => (dim === -1 ? 3 : dim));
      const data = type === 'string' ? new Array<string>(9).fill('a') : floats(own, 1).data;
      const given = Object.fromEntries(other.inputs.map((input) => [input.name, { type, data, dims: own } as Tensor]));
      const { [other.outputs[0]!.name]: output } = await other.run(given);
      expect([name, output!.dims]).toEqual([name, own]);
    }
  });

  test('several inputs are padded together, each on its axis and with its value', async () => {
    const dims = { x: ['N', 'L'], z: ['L', 'N'] };
    const bytes = models.model({
      inputs: [models.value('x', 'int32', dims.x), models.value('z', 'int32', dims.z)],
      outputs: [models.value('p', 'int32', dims.x), models.value('q', 'int32', dims.z)],
      nodes: [models.node('Identity', ['x'], ['p']), models.node('Identity', ['z'], ['q'])],
    });
    const padVariableLength = {
      inputs: { x: { axis: 1, value: -9 }, z: { axis: 0, value: 5 } },
      lengths: [4],
      outputs: { p: 1 },
    };
    const batchAxis = { inputs: { z: 1 }, outputs: { q: 1 } };
    await using model = await device.loadModel(bytes, { batching: { batchAxis, padVariableLength } });
    const whole = (values: number[], of: number[]) => tensor(Int32Array.from(values), of);
    const [first, second] = await together(model, [
      { x: whole([1, 2, 3], [1, 3]), z: whole([4, 5, 6], [3, 1]) },
      { x: whole([7, 8, 9, 10], [2, 2]), z: whole([11, 12, 13, 14], [2, 2]) },
    ]);
    expect(model.stats().batches.count).toBe(1);
    expect(first!.p).toEqual(whole([1, 2, 3], [1, 3]));
    expect(second!.p).toEqual(whole([7, 8, 9, 10], [2, 2]));
    // Where q is not named as one of its length, its padding shows what it was filled with.
    expect(first!.q).toEqual(whole([4, 5, 6, 5], [4, 1]));
    expect(second!.q).toEqual(whole([11, 12, 13, 14, 5, 5, 5, 5], [4, 2]));
    await expectError(
      model.run({ x: whole([1, 2], [1, 2]), z: whole([1, 2, 3], [3, 1]) }),
      'ERR_SHAPE',
      /'x' has length 2, but input 'z' has 3; inputs that are padded together must have one length/,
    );
  });

  test('inputs above what is copied, and requests longer than all lengths', async () => {
    const padVariableLength = { inputs: { x: { axis: 1 } }, maskInput: 'mask', lengths: [100, 5000] };
    const options = { batching: { padVariableLength } };
    await withBoth(device, models.masked(), options, async (batched, alone) => {
      const xs = [4999, 3000, 5000, 9000, 9000, 1].map((length, i) => wholes([i + 1, length, 2], i + 1));
      const results = await together(
        batched,
        xs.map((x) => ({ x })),
      );
      for (const [i, x] of xs.entries()) {
        expectSame(results[i]!, await alone.run({ x, mask: maskOf('int64', x.dims.slice(0, 2)) }), `${x.dims}`);
      }
      expect(batched.stats().batches.count).toBe(3);
    });
  });

  test('a named output that has another length than the inputs is refused, not cut', async () => {
    const bytes = models.model({
      inputs: [models.value('x', 'float32', ['N', 'L'])],
      outputs: [models.value('y', 'float32', ['N', 'K'])],
      nodes: [models.node('Concat', ['x', 'x'], ['y'], { axis: { int: 1 } })],
    });
    const padVariableLength = { inputs: { x: { axis: 1 } }, outputs: { y: 1 } };
    await using model = await device.loadModel(bytes, { batching: { padVariableLength } });
    expect((await model.run({ x: floats([1, 4], 1) })).y!.dims).toEqual([1, 8]);
    await expectError(
      model.run({ x: floats([1, 3], 1) }),
      'ERR_MODEL',
      /output 'y' has dims \[1, 8\], but its axis 1 was to be 4 long/,
    );
  });

  test('a request for which there is no memory fails alone, and leaves those beside it whole', async () => {
    const padVariableLength = { inputs: { x: { axis: 1 } }, maskInput: 'mask', lengths: [8, 2 ** 42] };
    await using model = await device.loadModel(models.masked(), { batching: { padVariableLength } });
    const request = (length: number, seed: number) => model.run({ x: wholes([1, length, 2], seed) });
    const runs = [request(3, 1), request(9, 2), request(8, 3), request(9, 4), request(2, 5)];
    await expectError(runs[1]!, 'ERR_OUT_OF_MEMORY', /no memory for the request's inputs/);
    await expectError(runs[3]!, 'ERR_OUT_OF_MEMORY');
    for (const [i, length] of [
      [0, 3],
      [2, 8],
      [4, 2],
    ] as const) {
      const x = wholes([1, length, 2], i + 1);
      expect((await runs[i]!).y!.data).toEqual(x.data.map((v) => v + 1));
    }
    expect(model.stats().batches.sizes).toEqual({ 3: 1 });
  });
});

test('one very long request leaves no memory behind', async () => {
  const padVariableLength = { inputs: { x: { axis: 1 } }, lengths: [2 ** 3, 2 ** 23] };
  await using model = await device.loadModel(models.identity('float32', ['N', 'L']), {
    batching: { padVariableLength, batchAxis: { inputs: { x: 0 } } },
  });
  const run = async (length: number) => (await model.run({ x: floats([1, length], 1) })).y!.dims;
  await run(5);
  await collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  expect(await Promise.all([run(9), run(10)])).toEqual([
    [1, 9],
    [1, 10],
  ]);
  await collectGarbage();
  const kept = process.memoryUsage().arrayBuffers - before;
  expect(kept / 2 ** 20, 'megabytes kept of twice 32').toBeLessThan(1);
});

describe('batches filled up to allowed sizes', () => {
  test('run with these sizes, and nobody sees the padding (scenario 20)', async () => {
    // Sums over the rows of the batch show what the model sees; the outputs of the rows, what callers do.
    const bytes = models.model({
      inputs: [models.value('x', 'float32', ['N', 3])],
      outputs: [models.value('y', 'float32', ['N', 3]), models.value('rows', 'int64', [1])],
      nodes: [
        models.node('Neg', ['x'], ['y']),
        models.node('Shape', ['x'], ['rows'], { start: { int: 0 }, end: { int: 1 } }),
      ],
    });
    const batching = { allowedBatchSizes: [4, 8, 16], batchAxis: { outputs: { rows: null } }, independentRows: true };
    await using model = await device.loadModel(bytes, { batching });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 16 }), { minLength: 1, maxLength: 6 }), async (rows) => {
        const requests = rows.map((n, i) => ({ x: floats([n, 3], i + n) }));
        const results = await together(model, requests);
        for (const [i, { x }] of requests.entries()) {
          const y: Tensor = { type: 'float32', data: x.data.map((v) => -v), dims: x.dims };
          const { rows: seen, ...own } = results[i]!;
          expectSame(own, { y }, `${rows}`);
          expect([4n, 8n, 16n]).toContain(seen!.data[0]);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('of very many rows fill a batch up, and are warmed up with', async () => {
    const rows = 100_003;
    for (const axis of [0, 2]) {
      const batching = { allowedBatchSizes: [rows], batchAxis: { inputs: { x: axis }, outputs: { y: axis } } };
      const dims = [2, 3, 2].map((dim, i) => (i === axis ? 'N' : dim));
      const relu = models.model({
        inputs: [models.value('x', 'float32', dims)],
        outputs: [models.value('y', 'float32', dims)],
        nodes: [models.node('Relu', ['x'], ['y'])],
      });
      await using model = await device.loadModel(relu, { batching, warmup: true });
      const x = wholes([2, 3, 2], 1);
      const y = { ...x, data: x.data.map((v) => Math.max(0, v)) };
      expectSame(await model.run({ x }), { y }, `rows along axis ${axis}`);
      expect(model.stats().batches.paddedRows).toBe(rows - 2);
    }
  });

  test('what it wastes is counted', async () => {
    const bytes = models.model({
      inputs: [models.value('x', 'float32', ['N', 'L'])],
      outputs: [models.value('y', 'float32', ['N', 'L'])],
      nodes: [models.node('Neg', ['x'], ['y'])],
    });
    const batching = { padVariableLength: { inputs: { x: { axis: 1 } }, lengths: [4, 8] } };
    await using model = await device.loadModel(bytes, { batching });
    await Promise.all([model.run({ x: floats([2, 3], 1) }), model.run({ x: floats([1, 8], 2) })]);
    expect(model.stats().batches.paddedLengths).toBe(2 / 4);
  });

  test('large outputs, which native code parts, leave the padding out', async () => {
    await using model = await device.loadModel(models.square({ features: 30_000 }), {
      batching: { allowedBatchSizes: [5, 8] },
    });
    for (let round = 0; round < 3; round++) {
      const requests = [1, 2].map((n) => ({ x: floats([n, 30_000], n + round) }));
      const results = await together(model, requests);
      for (const [i, { x }] of requests.entries()) {
        const y: Tensor = { type: 'float32', data: x.data.map((v) => v * v), dims: x.dims };
        expectSame(results[i]!, { y }, `request ${i}`);
      }
    }
    expect(model.stats().batches).toMatchObject({ count: 3, rows: 9, paddedRows: 6 });
  });

  test('of one that fails, only the culprits fail, filled up as they are', async () => {
    await using model = await device.loadModel(models.lookup({ rows: 10, features: 1 }), {
      batching: { allowedBatchSizes: [8] },
    });
    const runs = [3, 99, 5].map((i) => model.run({ index: tensor(BigInt64Array.of(BigInt(i)), [1, 1]) }));
    await expectError(runs[1]!, 'ERR_MODEL', /indices element out of data bounds/);
    expect([(await runs[0]!).y!.data, (await runs[2]!).y!.data]).toEqual([Float32Array.of(3), Float32Array.of(5)]);
  });
});

const x = { axis: 1 };
test.each<[string, () => Uint8Array, unknown, RegExp, object?]>([
  ['a number', models.masked, 1, /padVariableLength must be an object, got 1/],
  ['without inputs', models.masked, { inputs: {} }, /padVariableLength\.inputs must name at least one input/],
  ['unknown', models.masked, { input: {} }, /padVariableLength: there is no option 'input'/],
  [
    'of no input',
    models.masked,
    { inputs: { z: x } },
    /padVariableLength\.inputs: the model has no 'z'; it has 'x', 'mask'/,
  ],
  ['without axis', models.masked, { inputs: { x: {} } }, /inputs\.x\.axis must be an integer of at least 0, got/],
  [
    'on a fixed axis',
    models.masked,
    { inputs: { x: { axis: 2 } } },
    /inputs\.x\.axis must be a free axis .* got 2 of float32 \[-1, -1, 2\]/,
  ],
  [
    'on the batch',
    models.masked,
    { inputs: { x: { axis: 0 } } },
    /inputs\.x\.axis must be a free axis .* got 0 of .* axis 0 is the batch/,
  ],
  [
    'not of the batch',
    models.masked,
    { inputs: { x } },
    /got 1 of .* which is not of the batch/,
    { inputs: { x: null } },
  ],
  ['value', models.masked, { inputs: { x: { axis: 1, value: '0' } } }, /inputs\.x\.value must be a number, got '0'/],
  [
    'value of a type',
    () => models.identity('int64', ['N', 'L']),
    { inputs: { x: { axis: 1, value: 0.5 } } },
    /inputs\.x\.value must be a number that int64 can hold, got 0\.5/,
  ],
  [
    'value beyond float32',
    () => models.identity('float32', ['N', 'L']),
    { inputs: { x: { axis: 1, value: 1e300 } } },
    /a number that float32 can hold, got 1e\+300/,
  ],
  [
    'value out of range',
    () => models.identity('uint8', ['N', 'L']),
    { inputs: { x: { axis: 1, value: 256 } } },
    /a number that uint8 can hold, got 256/,
  ],
  [
    'lengths',
    models.masked,
    { inputs: { x }, lengths: [4, 4] },
    /lengths must be ascending positive integers, got \[4, 4\]/,
  ],
  [
    'mask of no input',
    models.masked,
    { inputs: { x }, maskInput: 'm' },
    /maskInput: the model has no 'm'; it has 'x', 'mask'/,
  ],
  [
    'mask of wrong rank',
    models.lengths,
    { inputs: { x }, maskInput: 'length' },
    /maskInput must be an input of numbers with dims \[rows, length\].*'length' is int64 \[-1\]/,
  ],
  ['mask that is padded', models.masked, { inputs: { mask: x }, maskInput: 'mask' }, /maskInput .* not padded itself/],
  [
    'mask off the batch',
    models.masked,
    { inputs: { x }, maskInput: 'mask' },
    /maskInput .* whose axis 0 is the batch/,
    { inputs: { mask: 1 } },
  ],
  [
    'lengths too small',
    () => models.lengths({ type: 'int8' }),
    { inputs: { x }, lengthInput: 'length' },
    /lengthInput .* 32 bits or more/,
  ],
  [
    'output of no output',
    models.masked,
    { inputs: { x }, outputs: { z: 1 } },
    /outputs: the model has no 'z'; it has 'sums', 'y', 'ones'/,
  ],
  [
    'output off its rank',
    models.masked,
    { inputs: { x }, outputs: { y: 3 } },
    /outputs\.y must be an axis beside the batch's, got 3 of \[-1, -1, 2\]/,
  ],
  [
    'output on the batch',
    models.masked,
    { inputs: { x }, outputs: { y: [1, 0] } },
    /outputs\.y must be an axis beside the batch's, got 0/,
  ],
])('padVariableLength %s is refused', async (_, bytes, padVariableLength, message, batchAxis = {}) => {
  const options = { batching: { padVariableLength, batchAxis } } as LoadModelOptions;
  const refused = await outcome(device.loadModel(bytes(), options));
  expect(refused).toMatchObject({ code: 'ERR_ARGUMENT', message: expect.stringMatching(message) });
});

test('half floats are padded with their own bits', async () => {
  for (const [type, value, bits] of [
    ['float16', -1.5, 0xbe00],
    ['float16', 65504, 0x7bff],
    ['float16', 2 ** -24, 1],
    ['float16', Number.NEGATIVE_INFINITY, 0xfc00],
    ['bfloat16', -2, 0xc000],
  ] as const) {
    const padVariableLength = { inputs: { x: { axis: 1, value } }, lengths: [3], outputs: {} };
    await using model = await device.loadModel(models.identity(type, ['N', 'L']), { batching: { padVariableLength } });
    const one = { type, data: Uint16Array.of(7), dims: [1, 1] } as Tensor;
    expect((await model.run({ x: one } as Feeds)).y!.data, `${type} ${value}`).toEqual(Uint16Array.of(7, bits, bits));
  }
  const refused = (value: number) =>
    device.loadModel(models.identity('float16', ['N', 'L']), {
      batching: { padVariableLength: { inputs: { x: { axis: 1, value } } } },
    });
  for (const value of [0.1, 65536, 2 ** -25])
    await expectError(refused(value), 'ERR_ARGUMENT', /that float16 can hold/);
});
