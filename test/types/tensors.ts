// The types of tensors, by the arrays that they are made of.

import * as ort from 'onnxruntime-common';
import { type Dims, open, type Tensor, tensor } from 'tensorlane';
import { type Equal, expectTrue } from './equal.js';

expectTrue<Equal<ReturnType<typeof of<Int8Array>>, Tensor<'int8'>>>();
const of = <A extends Int8Array>(data: A) => tensor(data, [1]);

const bytes = tensor(new Int8Array(2));
expectTrue<Equal<typeof bytes, Tensor<'int8'>>>();
const words = tensor(new Uint16Array(2), [2]);
expectTrue<Equal<typeof words, Tensor<'uint16'>>>();
const halves = tensor(new Uint16Array(2), [2], { type: 'float16' });
expectTrue<Equal<typeof halves, Tensor<'float16'>>>();
const longs = tensor(new BigUint64Array(2), undefined);
expectTrue<Equal<typeof longs, Tensor<'uint64'>>>();
const pixels = tensor(new Uint8ClampedArray(4), [2, 2]);
expectTrue<Equal<typeof pixels, Tensor<'uint8'>>>();
declare const either: Float32Array | Int32Array;
const one = tensor(either);
expectTrue<Equal<typeof one, Tensor<'float32'> | Tensor<'int32'>>>();
declare const type: 'float32' | undefined;
const open16: Tensor = tensor(new Uint16Array(2), [2], { type: undefined });
const nested = tensor([[1, 2]], { type: 'int64' });
expectTrue<Equal<typeof nested, Tensor<'int64'>>>();
const flags: Tensor<'bool'> = tensor([true, false], { type: 'bool' });
const single = tensor([[1, 2]]);
expectTrue<Equal<typeof single, Tensor<'float32'>>>();
const text = tensor(['a'], [1]);
expectTrue<Equal<typeof text, Tensor<'string'>>>();
const dims: Dims = [1, 2];

// @ts-expect-error: no array of elements
tensor(new DataView(new ArrayBuffer(4)));
// @ts-expect-error: no element type
tensor([[1]], { type: 'float' });
// @ts-expect-error: the elements are of another type
tensor(new Float32Array(1), [1], { type: 'int64' });

// Ours is one of onnxruntime-common's, as far as data go.
const { type: typeOfOurs, data, dims: dimsOfOurs } = single;
const theirs = new ort.Tensor(typeOfOurs, data, dimsOfOurs);

// Every option may be undefined.
await open({ device: undefined, streams: undefined, memory: { limitBytes: undefined }, threads: undefined });
const device = await open('cpu');
const inverse = await device.linalg.inv(tensor([[1]]));
expectTrue<Equal<typeof inverse, Tensor<'float32'>>>();
await device.linalg.svd(tensor([[1]]), { mode: undefined, stream: undefined });

export { dims, flags, open16, theirs, type };
