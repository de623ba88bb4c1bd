// Whatever is wrong with an input, the call rejects with a TensorlaneError of the documented code that says what was given
// and what was expected, with the caller's stack; and the next request works.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Device, type Model, open } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDevice } from '../support/device.js';
import {
  add,
  crossRow,
  dense,
  fixedBatch,
  lookup,
  node,
  model as onnx,
  square,
  value,
} from '../support/onnx-builder.js';
import { any, bad, type Case, describeRefusals, f32, standIns } from './refusals.js';
import { matrix, row, settles, squares, svdError } from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'tensorlane-bad-input-'));
let device: Device;
let model: Model;
let sum: Model;
let fixed: Model;

beforeAll(async () => {
  device = await open({ device: testDevice, streams: 2 });
  model = await device.loadModel(square({ features: 16 }));
  sum = await device.loadModel(add({ features: 4 }));
  fixed = await device.loadModel(fixedBatch({ batch: 1, features: 4 }));
});
afterAll(async () => {
  await device.dispose();
  rmSync(folder, { recursive: true, force: true });
});

async function nextRequestWorks(): Promise<void> {
  const x = row(16, 1);
  expect(Array.from((await settles('the next run', model.run({ x }))).y!.data as Float32Array)).toEqual(
    squares(x.data),
  );
  const a = matrix(6, 4, 1);
  expect(svdError(a.data, await settles('the next svd', device.linalg.svd(a)))).toBeLessThan(1e-13);
}

const describeCases = (title: string, cases: readonly Case[]) => describeRefusals(title, cases, nextRequestWorks);

const file = (name: string, content: Uint8Array | string) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

describeCases('loadModel refuses', [
  {
    what: 'a corrupt file',
    call: () => device.loadModel(file('corrupt.onnx', 'not a model at all')),
    code: 'ERR_MODEL',
    says: [/corrupt\.onnx/],
  },
  {
    what: 'corrupt bytes',
    call: () => device.loadModel(Uint8Array.from({ length: 300 }, (_, i) => i * 7)),
    code: 'ERR_MODEL',
    says: [/load/i],
  },
  {
    what: 'a truncated model',
    call: () => device.loadModel(dense({ layers: 1, width: 64 }).slice(0, 9000)),
    code: 'ERR_MODEL',
    says: [/load/i],
  },
  {
    what: 'an empty file',
    call: () => device.loadModel(file('empty.onnx', '')),
    code: 'ERR_MODEL',
    says: [/empty\.onnx|empty|no graph/i],
  },
  { what: 'no bytes', call: () => device.loadModel(new Uint8Array(0)), code: 'ERR_MODEL', says: [/load/i] },
  {
    what: 'a missing file',
    call: () => device.loadModel(join(folder, 'missing.onnx')),
    code: 'ERR_MODEL',
    says: [/missing\.onnx/, /no such file|not exist/i],
  },
  { what: 'a directory', call: () => device.loadModel(folder), code: 'ERR_MODEL', says: [/tensorlane-bad-input/] },
  { what: 'an empty path', call: () => device.loadModel(''), code: 'ERR_MODEL', says: [/load|path|file/i] },
  {
    what: 'an operator that does not exist',
    call: () =>
      device.loadModel(
        onnx({
          inputs: [value('x', 'float32', ['N'])],
          outputs: [value('y', 'float32', ['N'])],
          nodes: [node('NoSuchThing', ['x'], ['y'])],
        }),
      ),
    code: 'ERR_MODEL',
    says: [/NoSuchThing/],
  },
  { what: 'null', call: () => device.loadModel(any(null)), code: 'ERR_ARGUMENT', says: [/path, a file: URL/] },
  {
    what: 'a number',
    call: () => device.loadModel(any(5)),
    code: 'ERR_ARGUMENT',
    says: [/path, a file: URL, or the model's bytes .*, got number/],
  },
  { what: 'nothing', call: () => device.loadModel(any(undefined)), code: 'ERR_ARGUMENT', says: [/got undefined/] },
  {
    what: 'options that are null',
    call: () => device.loadModel(square(), any(null)),
    code: 'ERR_ARGUMENT',
    says: [/options/, /null/],
  },
  {
    what: 'an unknown option',
    call: () => device.loadModel(square(), any({ batchSize: 4 })),
    code: 'ERR_ARGUMENT',
    says: [/batchSize/, /batching/],
  },
  {
    what: 'a batch size of 0',
    call: () => device.loadModel(square(), { batching: { maxBatchSize: 0 } }),
    code: 'ERR_ARGUMENT',
    says: [/maxBatchSize/, /from 1 to/, /got 0/],
  },
  {
    what: 'a delay that is NaN',
    call: () => device.loadModel(square(), { batching: { maxQueueDelayMicros: Number.NaN } }),
    code: 'ERR_ARGUMENT',
    says: [/maxQueueDelayMicros/, /NaN/],
  },
]);

describeCases('run refuses', [
  { what: 'null', call: () => model.run(any(null)), code: 'ERR_ARGUMENT', says: [/object of tensors/, /null/] },
  {
    what: 'nothing',
    call: () => model.run(any(undefined)),
    code: 'ERR_ARGUMENT',
    says: [/object of tensors/, /undefined/],
  },
  { what: 'a string', call: () => model.run(any('x')), code: 'ERR_ARGUMENT', says: [/object of tensors/, /string/] },
  { what: 'no inputs', call: () => model.run({}), code: 'ERR_ARGUMENT', says: [/'x' is missing/] },
  {
    what: 'a wrong name',
    call: () => model.run({ input: row(16, 1) }),
    code: 'ERR_ARGUMENT',
    says: [/'x'/, /'input'/],
  },
  {
    what: 'a missing input of two',
    call: () => sum.run({ a: row(4, 1) }),
    code: 'ERR_ARGUMENT',
    says: [/'b' is missing/, /given was 'a'/],
  },
  {
    what: 'one input too many',
    call: () => model.run({ x: row(16, 1), extra: row(16, 1) }),
    code: 'ERR_ARGUMENT',
    says: [/no input 'extra'/, /'x'/],
  },
  {
    what: 'a tensor that is null',
    call: () => model.run({ x: any(null) }),
    code: 'ERR_ARGUMENT',
    says: [/'x'/, /tensor/],
  },
  {
    what: 'a bare array',
    call: () => model.run({ x: any(f32(16)) }),
    code: 'ERR_DTYPE',
    says: [/'x'/, /bare Float32Array/],
  },
  {
    what: 'a wrong type',
    call: () => model.run({ x: bad(new Float64Array(16), [1, 16], 'float64') }),
    code: 'ERR_DTYPE',
    says: [/takes float32/, /given float64/],
  },
  {
    what: 'a type that does not exist',
    call: () => model.run({ x: bad(f32(16), [1, 16], 'float31') }),
    code: 'ERR_DTYPE',
    says: [/takes float32/, /float31/],
  },
  {
    what: 'the wrong class of array',
    call: () => model.run({ x: bad(new Float64Array(16), [1, 16]) }),
    code: 'ERR_DTYPE',
    says: [/Float32Array/, /Float64Array/],
  },
  {
    what: 'numbers in a plain array',
    call: () => model.run({ x: bad(Array(16).fill(0), [1, 16]) }),
    code: 'ERR_DTYPE',
    says: [/Float32Array/, /not Array/],
  },
  ...standIns.map(
    ([what, data]): Case => ({
      what: `${what} for the elements`,
      call: () => model.run({ x: bad(data, [1, 16]) }),
      code: 'ERR_DTYPE',
      says: [/'x'/, /Float32Array/],
    }),
  ),
  {
    what: 'a tensor without data',
    call: () => model.run({ x: bad(undefined, [1, 16]) }),
    code: 'ERR_DTYPE',
    says: [/Float32Array/, /undefined/],
  },
  {
    what: 'a wrong rank',
    call: () => model.run({ x: bad(f32(16), [16]) }),
    code: 'ERR_SHAPE',
    says: [/\[N, 16\]/, /\[16\]/],
  },
  {
    what: 'no dims',
    call: () => model.run({ x: bad(f32(16), undefined) }),
    code: 'ERR_SHAPE',
    says: [/\[N, 16\]/, /undefined/],
  },
  {
    what: 'dims that are no array',
    call: () => model.run({ x: bad(f32(16), '1,16') }),
    code: 'ERR_SHAPE',
    says: [/\[N, 16\]/, /string/],
  },
  {
    what: 'a wrong fixed dimension',
    call: () => model.run({ x: bad(f32(17), [1, 17]) }),
    code: 'ERR_SHAPE',
    says: [/\[N, 16\]/, /\[1, 17\]/],
  },
  {
    what: 'a wrong fixed batch',
    call: () => fixed.run({ x: bad(f32(8), [2, 4]) }),
    code: 'ERR_SHAPE',
    says: [/\[1, 4\]/, /\[2, 4\]/],
  },
  {
    what: 'a negative dimension',
    call: () => model.run({ x: bad(f32(16), [-1, 16]) }),
    code: 'ERR_SHAPE',
    says: [/\[N, 16\]/, /\[-1, 16\]/],
  },
  {
    what: 'a fraction of a dimension',
    call: () => model.run({ x: bad(f32(24), [1.5, 16]) }),
    code: 'ERR_SHAPE',
    says: [/\[N, 16\]/, /\[1\.5, 16\]/],
  },
  {
    what: 'a dimension that is NaN',
    call: () => model.run({ x: bad(f32(16), [Number.NaN, 16]) }),
    code: 'ERR_SHAPE',
    says: [/\[NaN, 16\]/],
  },
  {
    what: 'a dimension that is a string',
    call: () => model.run({ x: bad(f32(16), ['1', 16]) }),
    code: 'ERR_SHAPE',
    says: [/\['1', 16\]/],
  },
  {
    what: 'dims beyond counting',
    call: () => model.run({ x: bad(f32(16), [2 ** 60, 16]) }),
    code: 'ERR_SHAPE',
    says: [/16/],
  },
  {
    what: 'too little data',
    call: () => model.run({ x: bad(f32(15), [1, 16]) }),
    code: 'ERR_SHAPE',
    says: [/needs 16 elements/, /has 15/],
  },
  {
    what: 'too much data',
    call: () => model.run({ x: bad(f32(32), [1, 16]) }),
    code: 'ERR_SHAPE',
    says: [/needs 16 elements/, /has 32/],
  },
  {
    what: 'data that was transferred away',
    call: () => {
      const x = row(16, 1);
      structuredClone(x.data.buffer, { transfer: [x.data.buffer] });
      return model.run({ x });
    },
    code: 'ERR_SHAPE',
    says: [/needs 16 elements/, /transferred/],
  },
  {
    what: 'inputs of unequal rows',
    call: () => sum.run({ a: row(4, 1), b: bad(f32(8), [2, 4]) }),
    code: 'ERR_SHAPE',
    says: [/'a' has 1 rows/, /'b' has 2/],
  },
  {
    what: 'an output that does not exist',
    call: () => model.run({ x: row(16, 1) }, { outputs: ['z'] }),
    code: 'ERR_ARGUMENT',
    says: [/no output 'z'/, /'y'/],
  },
  {
    what: 'no outputs',
    call: () => model.run({ x: row(16, 1) }, { outputs: [] }),
    code: 'ERR_ARGUMENT',
    says: [/outputs/, /at least one/],
  },
  {
    what: 'outputs that are a string',
    call: () => model.run({ x: row(16, 1) }, { outputs: any('y') }),
    code: 'ERR_ARGUMENT',
    says: [/outputs/, /array/],
  },
]);

describeCases('open refuses', [
  {
    what: 'a GPU where there is none',
    call: () => open('cuda:99'),
    code: 'ERR_NO_DEVICE',
    says: [/'cuda:99'/, /'cpu'/],
  },
  { what: 'an unknown device', call: () => open(any('tpu')), code: 'ERR_ARGUMENT', says: [/'tpu'/, /'cpu'/] },
  { what: 'null', call: () => open(any(null)), code: 'ERR_ARGUMENT', says: [/null/] },
  { what: 'an unknown option', call: () => open(any({ lanes: 2 })), code: 'ERR_ARGUMENT', says: [/lanes/, /streams/] },
  {
    what: 'no streams',
    call: () => open({ streams: 0 }),
    code: 'ERR_ARGUMENT',
    says: [/streams/, /from 1 to 1024/, /got 0/],
  },
]);

describe('the culprits of a batch', () => {
  it('fail alone where the model fails for them at run time', async () => {
    const table = await device.loadModel(lookup({ rows: 10, features: 2 }), {
      batching: { maxQueueDelayMicros: 5000 },
    });
    const ask = (index: bigint) => table.run({ index: { type: 'int64', data: BigInt64Array.of(index), dims: [1, 1] } });
    const indices = [3n, 7n, 99n, 0n, 9n];
    const outcomes = await Promise.all(
      indices.map(async (index) => {
        try {
          return Array.from((await ask(index)).y!.data as Float32Array);
        } catch (error) {
          return error as Error & { code?: string };
        }
      }),
    );
    expect([outcomes[0], outcomes[1], outcomes[3], outcomes[4]]).toEqual([
      [3, 3],
      [7, 7],
      [0, 0],
      [9, 9],
    ]);
    const failed = outcomes[2] as Error & { code?: string };
    expect(failed.code).toBe('ERR_MODEL');
    expect(failed.message).toMatch(/99/);
    expect(failed.stack, 'the stack must lead to the caller').toContain('bad-input.test.ts');
    expect(table.stats().requests).toMatchObject({ accepted: 5, completed: 4, failed: 1, pending: 0 });
    expect((await ask(5n)).y!.data[0]).toBe(5);
    await table.dispose();
  });

  it('are nobody where rows of the output are not the batch: every request gets its own result', async () => {
    const batching = { independentRows: true, maxQueueDelayMicros: 5000 };
    const kept = await device.loadModel(crossRow({ features: 4 }), { batching });
    const ask = (sign: number) =>
      kept.run({ x: { type: 'float32', data: new Float32Array(4).fill(sign), dims: [1, 4] } });
    const results = await Promise.all([ask(1), ask(-1), ask(2)]);
    expect(results.map(({ y }) => y!.dims)).toEqual([
      [1, 4],
      [0, 4],
      [1, 4],
    ]);
    expect(kept.batching).toMatchObject({ enabled: false, reason: expect.stringMatching(/'y'/) });
    await kept.dispose();
  });

  it('do not harm the requests that come with them in one turn', async () => {
    const x = row(16, 1);
    const outcomes = await Promise.allSettled([
      model.run({ x }),
      model.run({ x: bad(f32(3), [1, 16]) }),
      model.run({ x }),
      model.run(any(null)),
      model.run({ x }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });
});
