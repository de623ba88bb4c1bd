// Linear algebra as models, over every protocol, in batches of one shape.

import { type FloatTensor, tensor } from 'tensorlane';
import { expect, test } from 'vitest';
import { expectError } from '../../../test/support/errors.js';
import { operations } from '../lib/engine/linalg.js';
import { connect } from '../lib/index.js';
import { ask, startEngine, startServer } from './support.js';

const matrix = (seed: number, n = 3) =>
  tensor(
    Float64Array.from({ length: n * n }, (_, i) => Math.sin(seed * 31 + i * 7) + (i % (n + 1) === 0 ? 3 : 0)),
    [n, n],
  );
const close = (got: FloatTensor, wanted: FloatTensor) => {
  expect([got.type, got.dims]).toEqual([wanted.type, wanted.dims]);
  for (const [i, value] of wanted.data.entries()) expect(got.data[i]).toBeCloseTo(value, 10);
};

test('a small operand that is changed after the call changes nothing', async () => {
  const engine = await startEngine({ linalg: true });
  const data = Float64Array.of(2, 0, 0, 3);
  const calls = Array.from({ length: 6 }, () => engine.run('linalg.det', { a: tensor(data, [2, 2]) }));
  data.fill(1);
  const answers = await Promise.all(calls);
  expect(answers.map(({ det }) => (det as FloatTensor).data[0])).toEqual(new Array(6).fill(6));
});

test('every operation gives each of many callers what the library gives it alone, and they share calls', async () => {
  const engine = await startEngine({ linalg: true });
  const { linalg } = engine.device;
  for (const [name, { inputs, outputs, run }] of Object.entries(operations)) {
    const a = Array.from({ length: 12 }, (_, i) => {
      const m = matrix(i);
      // Symmetric and positive definite, for those that ask for it.
      const data = m.data.map((value, at) => (value + m.data[(at % 3) * 3 + Math.floor(at / 3)]!) / 2);
      return tensor(data, [3, 3]);
    });
    const operands = (i: number) => (inputs.length === 1 ? [a[i]!] : [a[i]!, matrix(i + 50)]);
    const feeds = (i: number) => Object.fromEntries(inputs.map((input, at) => [input, operands(i)[at]!]));
    const got = await Promise.all(a.map((_, i) => engine.run(`linalg.${name}`, feeds(i))));
    for (const [i, results] of got.entries()) {
      const alone: Readonly<Record<string, unknown>> = await run(linalg, operands(i) as never);
      for (const output of outputs) close(results[output] as FloatTensor, alone[output] as FloatTensor);
    }
    const { batches, requests } = engine.resolve({ name: `linalg.${name}` }).stats()!;
    expect(requests.completed).toBe(12);
    expect(batches.count, name).toBeLessThan(12);
  }
});

test('vectors are solved for as vectors, also in a batch; shapes and types do not mix', async () => {
  const engine = await startEngine({ linalg: true });
  const { linalg } = engine.device;
  const kinds = [
    { a: matrix(1), b: tensor([1, 2, 3], { type: 'float64' }) },
    { a: matrix(2), b: tensor([3, 2, 1], { type: 'float64' }) },
    { a: matrix(3, 2), b: tensor([1, 2], { type: 'float64' }) },
    {
      a: tensor([
        [2, 1],
        [1, 3],
      ]),
      b: tensor([1, 2]),
    },
    { a: matrix(4), b: matrix(5) },
    {
      a: tensor([
        [
          [2, 0],
          [0, 4],
        ],
      ]),
      b: tensor([[[2], [4]]]),
    },
  ];
  const got = await Promise.all([...kinds, ...kinds].map((feeds) => engine.run('linalg.solve', feeds)));
  for (const [i, { x }] of got.entries()) {
    const { a, b } = kinds[i % kinds.length]!;
    close(x as FloatTensor, await linalg.solve(a, b));
  }
  const rows = engine.run('linalg.solve', {
    a: tensor([
      [
        [2, 0],
        [0, 4],
      ],
      [
        [1, 0],
        [0, 1],
      ],
    ]),
    b: tensor([
      [2, 4],
      [1, 1],
    ]),
  });
  await expectError(rows, 'ERR_SHAPE', /as many dimensions as a/);
});

test('whatever the ranks of operands, each caller of many gets what it gets alone', async () => {
  const engine = await startEngine({ linalg: true });
  const { linalg } = engine.device;
  let seed = 0;
  const filled = (dims: readonly number[]) => {
    const length = dims.reduce((all, one) => all * one, 1);
    const data = Float64Array.from({ length }, (_, i) => Math.sin(++seed * 7 + i));
    return tensor(data, [...dims]);
  };
  /** What it gives, or how it fails. */
  const told = async (result: Promise<unknown>) => {
    try {
      const got = (await result) as FloatTensor;
      return { dims: got.dims, data: [...got.data].map((value) => Number(value.toPrecision(9))) };
    } catch (error) {
      return (error as Error).message;
    }
  };
  const shapes = [
    [],
    [1],
    [2],
    [3],
    [1, 2],
    [2, 1],
    [1, 1],
    [2, 2],
    [2, 3],
    [1, 2, 2],
    [3, 2, 2],
    [4, 1, 2, 2],
    [2, 3, 2, 2],
    [0, 2, 2],
  ];
  for (const a of shapes) {
    for (const b of shapes) {
      for (const name of ['matmul', 'solve'] as const) {
        const { check } = operations[name] as { check?: (operands: readonly unknown[]) => void };
        const run = async (operands: [FloatTensor, FloatTensor]) => {
          check?.(operands);
          return linalg[name](...operands);
        };
        const pairs = Array.from({ length: 3 }, () => ({ a: filled(a), b: filled(b) }));
        const output = operations[name].outputs[0];
        const got = await Promise.all(
          pairs.map((feeds) => told(engine.run(`linalg.${name}`, feeds).then((outputs) => outputs[output]))),
        );
        const alone = await Promise.all(pairs.map((feeds) => told(run([feeds.a, feeds.b]))));
        expect(got, `${name} of [${a}] and [${b}]`).toEqual(alone);
      }
    }
    for (const [name, { inputs, outputs, run }] of Object.entries(operations)) {
      if (inputs.length > 1) continue;
      const all = Array.from({ length: 3 }, () => filled(a));
      const got = await Promise.all(
        all.map((one) => told(engine.run(`linalg.${name}`, { a: one }).then((results) => results[outputs[0]]))),
      );
      const alone = await Promise.all(
        all.map((one) => told(run(linalg, [one]).then((results: object) => results[outputs[0] as never]))),
      );
      expect(got, `${name} of [${a}]`).toEqual(alone);
    }
  }
});

test('a product with a vector, and one that is broadcast, share calls as others do', async () => {
  const engine = await startEngine({ linalg: true });
  const shapes: readonly [number[], number[]][] = [
    [[3, 3], [3]],
    [[3], [3, 3]],
    [[3], [3]],
    [
      [3, 3],
      [2, 3, 3],
    ],
  ];
  let most = 0;
  for (const [a, b] of shapes) {
    const of = (dims: number[], value: number) =>
      tensor(new Float64Array(dims.reduce((all, one) => all * one, 1)).fill(value), dims);
    await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const { product } = await engine.run('linalg.matmul', { a: of(a, i), b: of(b, 1) });
        expect(new Set(product!.data as Float64Array)).toEqual(new Set([3 * i]));
      }),
    );
    const { batches, requests } = engine.resolve({ name: 'linalg.matmul' }).stats()!;
    expect(requests.completed - batches.count, `[${a}] and [${b}]`).toBeGreaterThan(most);
    most = requests.completed - batches.count;
  }
});

test('arrays of one type but of other classes do not mix, nor such as are too short', async () => {
  const engine = await startEngine({ linalg: true });
  const good = () => engine.run('linalg.det', { a: matrix(1, 2) });
  const short = () => engine.run('linalg.det', { a: { type: 'float64', data: new Float64Array(3), dims: [2, 2] } });
  const other = () =>
    engine.run('linalg.det', { a: { type: 'float64', data: new Int8Array(4), dims: [2, 2] } as never });
  const wanted = await good();
  const settled = await Promise.allSettled([other(), short(), good(), short(), other(), good()]);
  expect(settled.map(({ status }) => status)).toEqual([
    'rejected',
    'rejected',
    'fulfilled',
    'rejected',
    'rejected',
    'fulfilled',
  ]);
  for (const one of settled) if (one.status === 'fulfilled') expect(one.value).toEqual(wanted);
});

test('one that fails does not take others with it', async () => {
  const engine = await startEngine({ linalg: true });
  const singular = tensor(new Float64Array(9), [3, 3]);
  const all = [matrix(1), singular, matrix(2)].map((a) => engine.run('linalg.inv', { a }));
  const settled = await Promise.allSettled(all);
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  await expectError(all[1]!, 'ERR_SINGULAR');
  await expectError(engine.run('linalg.svd', { b: matrix(1) }), 'ERR_ARGUMENT', /no input 'b'; it has a/);
  await expectError(engine.run('linalg.svd', {}), 'ERR_ARGUMENT', /'a' is missing/);
  await expectError(engine.run('linalg.svd', { a: tensor(['x'], [1]) }), 'ERR_DTYPE');
  await expectError(engine.run('linalg.svd', { a: tensor([1, 2]) }), 'ERR_SHAPE');
  await expectError(engine.run('linalg.svd', { a: matrix(1) }, { outputs: ['q'] }), 'ERR_ARGUMENT', /no output 'q'/);
});

test('over both protocols and through a client', async () => {
  const server = await startServer({ linalg: true });
  const inputs = [{ name: 'a', shape: [2, 2], datatype: 'FP64', data: [3, 0, 0, 4] }];
  const wanted = { inputs, outputs: [{ name: 's' }] };
  expect((await ask(`${server.url}/v2/models/linalg.svd/infer`, wanted)).body).toMatchObject({
    outputs: [{ name: 's', datatype: 'FP64', shape: [2], data: [4, 3] }],
  });
  const { body } = await ask(`${server.url}/v1/models/linalg.svdvals:predict`, {
    instances: [
      [
        [3, 0],
        [0, 4],
      ],
      [
        [1, 0],
        [0, 2],
      ],
    ],
  });
  expect(body).toEqual({
    predictions: [
      [4, 3],
      [2, 1],
    ],
  });
  using client = await connect(server.url);
  const a = matrix(9);
  const { linalg } = server.engine.device;
  const { u, s, vt } = await client.linalg.svd(a);
  const local = await linalg.svd(a);
  close(u, local.u as FloatTensor);
  close(s, local.s as FloatTensor);
  close(vt, local.vt as FloatTensor);
  close(
    await client.linalg.solve(a, tensor([1, 2, 3], { type: 'float64' })),
    await linalg.solve(a, tensor([1, 2, 3], { type: 'float64' })),
  );
  close(await client.linalg.matmul(a, matrix(2)), await linalg.matmul(a, matrix(2)));
  await expectError(client.linalg.inv(tensor([[0]])), 'ERR_SINGULAR');
  const without = await startServer({});
  using other = await connect(without.url);
  await expectError(other.linalg.det(a), 'ERR_NOT_SUPPORTED', /--linalg/);
});
