// Values that onnxruntime-node cannot pass: sequences, other element types.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folderOfModels } from './models.js';
import { floats, ort } from './support.js';

const folder = folderOfModels();
const { InferenceSession, Tensor } = ort;
const create = (name: string) => InferenceSession.create(join(folder, `${name}.onnx`));

test('a sequence goes in and comes out as an array of tensors', async () => {
  const made = await (await create('sequence')).run({ a: floats([1, 2]) });
  const sequence = made.s as unknown as InstanceType<typeof Tensor>[];
  expect(sequence.map((item) => [item instanceof Tensor, item.dims, item.data])).toEqual([
    [true, [2], Float32Array.of(1, 2)],
    [true, [2], Float32Array.of(1, 2)],
  ]);
  expect(made.y).toBeInstanceOf(Tensor);
  const { y } = await (await create('atPlace')).run({
    s: [floats([1]), floats([2, 3])] as never,
    i: new Tensor('int64', [1n], []),
  });
  expect(y!.data).toEqual(Float32Array.of(2, 3));
});

describe('maps', () => {
  test('come out as arrays of Maps, of bigints or strings, and their labels as a tensor', async () => {
    const x = new Tensor('float32', [0.25, 0.75, 1, 0], [2, 2]);
    for (const [name, keys] of [
      ['classes', [3n, 5n]],
      ['classNames', ['cat', 'dög']],
    ] as const) {
      const session = await create(name);
      expect(session.outputMetadata).toEqual([
        { name: 'label', isTensor: true, type: 'int64', shape: ['N'] },
        { name: 'probabilities', isTensor: false },
      ]);
      const results = await session.run({ x });
      expect(results.label).toBeInstanceOf(Tensor);
      expect(results.label!.data).toEqual(BigInt64Array.of(1n, 0n));
      expect(results.probabilities).toEqual([
        new Map<unknown, number>([
          [keys[0], 0.25],
          [keys[1], 0.75],
        ]),
        new Map<unknown, number>([
          [keys[0], 1],
          [keys[1], 0],
        ]),
      ]);
      // By itself, as in the original.
      expect(Object.keys(await session.run({ x }, ['label']))).toEqual(['label']);
      // At once: each its own.
      const at = (i: number) => session.run({ x: new Tensor('float32', [i, 0.5], [1, 2]) });
      const each = (await Promise.all([0, 1, 2].map(at))) as unknown as { probabilities: Map<unknown, number>[] }[];
      expect(each.map(({ probabilities }) => probabilities.map((map) => map.get(keys[0])))).toEqual([[0], [1], [2]]);
      await session.release();
    }
  });

  test('go in as a Map, and as nothing else', async () => {
    const session = await create('dictionary');
    expect(session.inputMetadata).toEqual([{ name: 'x', isTensor: false }]);
    const map = new Map([
      ['c', 5n],
      ['a', 1n],
    ]);
    expect((await session.run({ x: map as never })).y!.data).toEqual(BigInt64Array.of(1n, 0n, 5n));
    await expect(session.run({ x: Object.fromEntries(map) as never })).rejects.toThrow('Tensor.dims must be an array.');
  });
});

test('bfloat16 keeps its bits and its name', async () => {
  const session = await create('of-bfloat16');
  expect(session.inputMetadata).toEqual([{ name: 'x', isTensor: true, type: 'bfloat16', shape: ['N', 2] }]);
  const x = { type: 'bfloat16', data: Uint16Array.of(0x3f80, 0x4000), dims: [1, 2], location: 'cpu' };
  const { y } = await session.run({ x: x as never });
  expect(y).toMatchObject({ type: 'bfloat16', dims: [1, 2], size: 2, location: 'cpu', data: x.data });
  expect(y).toBeInstanceOf(Tensor);
});
