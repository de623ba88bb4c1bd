// Values that onnxruntime-node cannot pass: sequences, other element types.

import { join } from 'node:path';
import { expect, test } from 'vitest';
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

test('bfloat16 keeps its bits and its name', async () => {
  const session = await create('of-bfloat16');
  expect(session.inputMetadata).toEqual([{ name: 'x', isTensor: true, type: 'bfloat16', shape: ['N', 2] }]);
  const x = { type: 'bfloat16', data: Uint16Array.of(0x3f80, 0x4000), dims: [1, 2], location: 'cpu' };
  const { y } = await session.run({ x: x as never });
  expect(y).toMatchObject({ type: 'bfloat16', dims: [1, 2], size: 2, location: 'cpu', data: x.data });
  expect(y).toBeInstanceOf(Tensor);
});
