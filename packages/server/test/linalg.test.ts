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
