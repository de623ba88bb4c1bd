// Operations give tensors of the types that numpy's promotion says, where one of the operands is.

import {
  type Device,
  type DeviceTensor,
  type FloatTensor,
  type LuFactors,
  type Scope,
  type Tensor,
  tensor,
} from 'tensorlane';
import { type Equal, expectTrue } from './equal.js';

declare const device: Device;
declare const f32: Tensor<'float32'>;
declare const f64: Tensor<'float64'>;
declare const i32: Tensor<'int32'>;
declare const i64: Tensor<'int64'>;
declare const bool: Tensor<'bool'>;
declare const held: DeviceTensor<'float32'>;

const { ops, linalg } = device;

const same = await ops.add(f32, f32);
expectTrue<Equal<typeof same, Tensor<'float32'>>>();
const mixed = await ops.mul(f32, i32);
expectTrue<Equal<typeof mixed, Tensor<'float64'>>>();
const wider = await ops.sub(i32, i64);
expectTrue<Equal<typeof wider, Tensor<'int64'>>>();
const doubles = await ops.add(f64, i64);
expectTrue<Equal<typeof doubles, Tensor<'float64'>>>();
const scaled = await ops.mul(held, 2);
expectTrue<Equal<typeof scaled, DeviceTensor<'float32'>>>();
const fromNumber = await ops.sub(1n, i64);
expectTrue<Equal<typeof fromNumber, Tensor<'int64'>>>();
const onDevice = await ops.add(i32, held);
expectTrue<Equal<typeof onDevice, DeviceTensor<'float64'>>>();
const quotient = await ops.div(i32, i32);
expectTrue<Equal<typeof quotient, Tensor<'float64'>>>();
const isLess = await ops.less(held, 0);
expectTrue<Equal<typeof isLess, DeviceTensor<'bool'>>>();
const root = await ops.sqrt(i64);
expectTrue<Equal<typeof root, Tensor<'float64'>>>();
const size = await ops.abs(i32);
expectTrue<Equal<typeof size, Tensor<'int32'>>>();
const within = await ops.clip(held, { min: 0, max: undefined });
expectTrue<Equal<typeof within, DeviceTensor<'float32'>>>();
const chosen = await ops.where(bool, f32, 0);
expectTrue<Equal<typeof chosen, Tensor<'float32'>>>();
const promoted = await ops.where(isLess, i32, f32);
expectTrue<Equal<typeof promoted, DeviceTensor<'float64'>>>();
const bytes = await ops.where(bool, bool, bool);
expectTrue<Equal<typeof bytes, Tensor<'bool'>>>();
const shares = await ops.softmax(held, { axis: 0 });
expectTrue<Equal<typeof shares, DeviceTensor<'float32'>>>();

const inverse = await linalg.inv(i32);
expectTrue<Equal<typeof inverse, Tensor<'float64'>>>();
const { s } = await linalg.svd(held);
expectTrue<Equal<typeof s, DeviceTensor<'float32'>>>();

const product = await linalg.matmul(f32, f64);
expectTrue<Equal<typeof product, Tensor<'float64'>>>();
const small = await linalg.matmul(held, bool);
expectTrue<Equal<typeof small, DeviceTensor<'float32'>>>();
const solution = await linalg.solve(f32, i32);
expectTrue<Equal<typeof solution, Tensor<'float64'>>>();
const either = await linalg.matmul(f32 as FloatTensor, f32 as FloatTensor);
expectTrue<Equal<typeof either, FloatTensor>>();
const size2 = await linalg.norm(i64, { ord: 1, axis: [0, 1] });
expectTrue<Equal<typeof size2, Tensor<'float64'>>>();
const rank = await linalg.matrixRank(held);
expectTrue<Equal<typeof rank, DeviceTensor<'int64'>>>();
const outer = await linalg.outer(i32, i64);
expectTrue<Equal<typeof outer, Tensor<'int64'>>>();
const diagonal = await linalg.diagonal(bool);
expectTrue<Equal<typeof diagonal, Tensor<'bool'>>>();
const { x, rank: ranks } = await linalg.lstsq(f32, held);
expectTrue<Equal<typeof x, DeviceTensor<'float32'>>>();
expectTrue<Equal<typeof ranks, DeviceTensor<'int64'>>>();
const sums = await linalg.einsum('ij,jk', [f32, f32]);
expectTrue<Equal<typeof sums, Tensor<'float32'>>>();
const chain = await linalg.multiDot([f64, f64]);
expectTrue<Equal<typeof chain, Tensor<'float64'>>>();
const { u, p } = await linalg.polar(held);
expectTrue<Equal<typeof u, DeviceTensor<'float32'>>>();
expectTrue<Equal<typeof p, typeof u>>();

const factors = await linalg.luFactor(i32);
expectTrue<Equal<typeof factors, LuFactors<Tensor<'float64'>, Tensor<'int32'>>>>();
const solved = await linalg.luSolve(factors, held);
expectTrue<Equal<typeof solved, DeviceTensor<'float64'>>>();
const { p: rows, l } = await linalg.lu(held, { pIndices: true });
expectTrue<Equal<typeof rows, DeviceTensor<'int32'>>>();
expectTrue<Equal<typeof l, DeviceTensor<'float32'>>>();

const c64 = tensor(new Float32Array(2), [1, 1], { type: 'complex64' });
expectTrue<Equal<typeof c64, Tensor<'complex64'>>>();
const { eigenvalues } = await linalg.eig(held);
expectTrue<Equal<typeof eigenvalues, DeviceTensor<'complex64'>>>();
const all = await linalg.eigvals(i32);
expectTrue<Equal<typeof all, Tensor<'complex128'>>>();
const { s: values, vt } = await linalg.svd(c64);
expectTrue<Equal<typeof values, Tensor<'float32'>>>();
expectTrue<Equal<typeof vt, Tensor<'complex64'>>>();
const wideProduct = await linalg.matmul(c64, f64);
expectTrue<Equal<typeof wideProduct, Tensor<'complex128'>>>();
const both = await linalg.solve(c64, held);
expectTrue<Equal<typeof both, DeviceTensor<'complex64'>>>();
const { residuals } = await linalg.lstsq(c64, f64);
expectTrue<Equal<typeof residuals, Tensor<'float64'>>>();

await using scope: Scope = device.scope();
const kept = scope.keep(await scope.put(f32));
expectTrue<Equal<typeof kept, DeviceTensor<'float32'>>>();

// @ts-expect-error: strings have no arithmetic
await ops.add({ type: 'string', data: ['a'], dims: [1] }, f32);
// @ts-expect-error: a condition is of bools
await ops.where(f32, f32, f32);
// @ts-expect-error: floats of 16 bits are cast first
await linalg.inv({ type: 'float16', data: new Uint16Array(1), dims: [1, 1] });
