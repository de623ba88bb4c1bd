// Every call that takes options refuses what is none and what it does not know, by name, and tells its caller in the way in
// which it tells everything else: what returns a promise rejects, and never throws.

import {
  type Device,
  type DeviceTensor,
  LinearAlgebra,
  type Model,
  open,
  TensorlaneError,
  TensorOperations,
  tensor,
} from 'tensorlane';
import { Batched, batched } from 'tensorlane/batching';
import { findNumbers, printNumbers } from 'tensorlane/json';
import { collectMetrics } from 'tensorlane/metrics';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from './support/device.js';
import { square } from './support/onnx-builder.js';

let device: Device;
let model: Model;
let resident: DeviceTensor;
beforeAll(async () => {
  device = await open({ device: testDevice, streams: 1 });
  model = await device.loadModel(square({ features: 2 }));
  resident = await device.put(tensor([1, 2]));
});
afterAll(() => device.dispose());

const a = tensor([
  [2, 1],
  [1, 2],
]);
const image = tensor(new Uint8Array(12), [1, 2, 2, 3]);
const sequence = () => model.sequence({ states: { x: 'y' } });
const load = (options: object) => device.loadModel(square({ features: 2 }), options);

/** Whatever the operands are, the options are last. */
const linalg: Readonly<Record<string, readonly unknown[]>> = {
  svd: [a],
  svdvals: [a],
  pca: [a],
  eigh: [a],
  eigvalsh: [a],
  eig: [a],
  eigvals: [a],
  matmul: [a, a],
  solve: [a, a],
  inv: [a],
  cholesky: [a],
  lu: [a],
  luFactor: [a],
  luSolve: [{ lu: a, pivots: tensor(new Int32Array([0, 1])) }, a],
  solveTriangular: [a, a],
  qr: [a],
  det: [a],
  slogdet: [a],
  trace: [a],
  ...Object.fromEntries(['norm', 'vectorNorm', 'matrixNorm', 'cond', 'matrixRank', 'pinv'].map((name) => [name, [a]])),
  ...Object.fromEntries(['expm', 'polar', 'nullSpace', 'orth', 'diagonal'].map((name) => [name, [a]])),
  ...Object.fromEntries(['kron', 'vecdot', 'tensordot', 'lstsq'].map((name) => [name, [a, a]])),
  matrixTranspose: [a],
  outer: [tensor([1, 2]), tensor([1, 2])],
  cross: [tensor([1, 2, 3]), tensor([1, 2, 3])],
  multiDot: [[a, a]],
  matrixPower: [a, 2],
  einsum: ['ij,jk', [a, a]],
  tensorsolve: [a, tensor([1, 2])],
  tensorinv: [tensor(new Float32Array([2, 1, 1, 2]), [2, 1, 2])],
};
const ops: Readonly<Record<string, readonly unknown[]>> = {
  cast: [a, 'float64'],
  transpose: [a, [1, 0]],
  sum: [a],
  mean: [a],
  max: [a],
  min: [a],
  norm: [a],
  argmax: [a],
  topK: [a, 1],
  hasNonFinite: [a],
  gather: [a, [0]],
  scatter: [a, [0], tensor([[1, 2]])],
  padSequences: [a, [2]],
  imageToTensor: [image],
  ...Object.fromEntries(['add', 'sub', 'mul', 'div', 'less', 'lessEqual'].map((name) => [name, [a, a]])),
  ...Object.fromEntries(['equal', 'notEqual', 'greater', 'greaterOrEqual'].map((name) => [name, [a, 1]])),
  ...Object.fromEntries(['exp', 'log', 'sqrt', 'abs', 'clip', 'softmax'].map((name) => [name, [a]])),
  where: [{ type: 'bool', data: Uint8Array.of(0, 1), dims: [2] }, a, a],
};

type Call = (options: never) => unknown;
const operations = (of: 'linalg' | 'ops', table: typeof linalg): [string, Call][] =>
  Object.entries(table).map(([name, operands]) => [
    name,
    (options) =>
      (device[of] as unknown as Record<string, (...args: unknown[]) => unknown>)[name]!(...operands, options),
  ]);

const asynchronous: readonly [string, Call][] = [
  ...operations('linalg', linalg),
  ...operations('ops', ops),
  ['open', open],
  ['open: memory', (memory) => open({ device: 'cpu', memory })],
  ['put', (options) => device.put(a, options)],
  ['get', (options) => resident.get(options)],
  ['kernel', (options) => device.kernel('', 'k', [], options)],
  ['acquire', (options) => device.streams.acquire(options)],
  ['acquire', (options) => device.streams.use(() => {}, options)],
  ['loadModel', load],
  ['loadModel: batching', (batching) => load({ batching })],
  ['batching.batchAxis', (batchAxis) => load({ batching: { batchAxis } })],
  ['batching.padVariableLength', (padVariableLength) => load({ batching: { padVariableLength } })],
  ['batching.queuePolicies[1]', (policy) => load({ batching: { queuePolicies: { 1: policy } } })],
  ['rateLimiter', (rateLimiter) => load({ rateLimiter })],
  ['warmup', (warmup) => load({ warmup })],
  ['batched', (options) => batched(async () => [1]).run('item', options)],
  ['run', (options) => model.run({ x: a }, options)],
  ['run', (options) => sequence().run({}, options)],
  ['findNumbers', (options) => findNumbers(new Uint8Array(), options)],
  ['printNumbers', (options) => printNumbers(a, options)],
];

const synchronous: readonly [string, Call][] = [
  ['tensor', (options) => tensor([1], options)],
  ['tensor', (options) => tensor(new Float32Array(1), [1], options)],
  ['sequence', (options) => model.sequence(options)],
  ['batched', (options) => batched(async () => [], options)],
  ['batched', (options) => new Batched({ run: async () => [] }, options)],
  ['collectMetrics', (options) => collectMetrics(options)],
];

/** The error of a call, which it has to give as a rejection. */
async function rejectionOf(call: Call, options: unknown): Promise<TensorlaneError> {
  const returned = call(options as never);
  expect(returned).toBeInstanceOf(Promise);
  let error: unknown;
  await (returned as Promise<unknown>).catch((reason: unknown) => {
    error = reason;
  });
  expect(error, String(call)).toBeInstanceOf(TensorlaneError);
  return error as TensorlaneError;
}

function thrownBy(call: Call, options: unknown): TensorlaneError {
  try {
    call(options as never);
  } catch (error) {
    expect(error).toBeInstanceOf(TensorlaneError);
    return error as TensorlaneError;
  }
  throw new Error('nothing was refused');
}

function expectUnknown({ code, message }: TensorlaneError, name: string): void {
  expect(code, message).toBe('ERR_ARGUMENT');
  expect(message).toContain(`${name}: there is no option 'strem'; there is `);
}

const noOptions = [
  ['null', null],
  ['a number', 5],
  ['text', 'stream'],
  ['an array', [1]],
  ['false', false],
  ['a Map', new Map([['stream', 1]])],
  ['a promise', Promise.resolve({})],
] as const;
/** What some of them take beside options. */
const alsoTakes: Readonly<Record<string, readonly unknown[]>> = {
  open: ['stream'],
  'loadModel: batching': [false],
  'batching.padVariableLength': [false],
  warmup: [false],
  tensor: [[1]],
};

describe('an unknown option is refused by name', () => {
  test.each(asynchronous)('%s', async (name, call) => expectUnknown(await rejectionOf(call, { strem: 1 }), name));
  test.each(synchronous)('%s', (name, call) => expectUnknown(thrownBy(call, { strem: 1 }), name));
});

describe.each(noOptions)('options that are %s are refused', (_, wrong) => {
  const takes = (name: string) => alsoTakes[name]?.some((one) => JSON.stringify(one) === JSON.stringify(wrong));
  test.each(asynchronous.filter(([name]) => !takes(name)))('%s', async (_name, call) => {
    const { code, message } = await rejectionOf(call, wrong);
    expect(code, message).toBe('ERR_ARGUMENT');
    expect(message).toMatch(/must be .*got/);
  });
  test.each(synchronous.filter(([name]) => !takes(name)))('%s', (_name, call) => {
    const { code, message } = thrownBy(call, wrong);
    expect(code, message).toBe('ERR_ARGUMENT');
    expect(message).toMatch(/must be .*got/);
  });
});

test('these are all operations that there are', () => {
  const methods = (prototype: object): string[] =>
    prototype === Object.prototype
      ? []
      : Object.getOwnPropertyNames(prototype)
          .filter((name) => name !== 'constructor')
          .concat(methods(Object.getPrototypeOf(prototype)));
  expect(Object.keys(linalg).sort()).toEqual(methods(LinearAlgebra.prototype).sort());
  expect(Object.keys(ops).sort()).toEqual(methods(TensorOperations.prototype).sort());
});

test('what is right is taken beside them', async () => {
  for (const [name, call] of [...operations('linalg', linalg), ...operations('ops', ops)]) {
    await expect(call({} as never), name).resolves.toBeDefined();
    await device.streams.use((stream) => expect(call({ stream } as never), name).resolves.toBeDefined());
  }
});

test('other arguments that are wrong reject as well', async () => {
  const wrong = 5 as never;
  const calls: readonly (() => Promise<unknown>)[] = [
    () => device.streams.use(wrong),
    () => device.put(wrong),
    () => device.put(resident as never),
    () => device.kernel(wrong, wrong, wrong),
    () => device.kernel('', 'k', wrong),
    () => device.kernel('', 'k', [], { options: wrong }),
    () => device.loadModel(wrong),
    () => open({ onnxruntime: wrong }),
    () => model.run(wrong),
    () => sequence().run(wrong),
    () => device.linalg.matmul(a, a, { tf32: wrong }),
    () => device.linalg.svd(a, { rank: wrong }),
    () => device.ops.topK(a, 'one' as never),
    () => device.ops.transpose(a, wrong),
    () => device.ops.padSequences(tensor([1, 2], { type: 'int8' }), [2], { value: 300 }),
    () => device.ops.padSequences(tensor([1, 2]), [2], { value: null as never }),
    () => device.ops.padSequences(tensor([1, 2]), [2], { length: '2' as never }),
    () => device.ops.imageToTensor(image, { height: null as never }),
    () => device.ops.imageToTensor(image, { width: '4' as never }),
    () => device.ops.imageToTensor(image, { scale: Symbol('1') as never }),
    () => device.ops.clip(a, { min: null as never }),
    () => device.ops.clip(a, { max: '1' as never }),
    () => device.ops.add(a, true as never),
    () => device.ops.softmax(a, { axis: '0' as never }),
    () => device.ops.sum(a, { axis: null as never }),
    () => device.kernel('', 'k', [Symbol('float32') as never]),
    () => device.kernel('', 'k', [{ toString: () => 'float32' } as never]),
    () => device.kernel('', 'k', [], { options: null as never }),
    () => device.kernel('a\0b', 'k', []),
    () => device.linalg.trace(a, { offset: '1' as never }),
    () => device.linalg.svd(a, { mode: Symbol('full') as never }),
    () => open({ device: 'cpu', threads: 1e9 }),
    () => open({ device: 'cpu', streams: '2' as never }),
    () => open({ device: 'cpu', niceness: Number.NaN }),
    () => open({ device: 'cpu', onnxruntime: 'libonnxruntime.so\0.1' }),
    async () => resident.slice(0, null as never),
    async () => resident.slice('0' as never),
    async () => resident.reshape(null as never),
  ];
  for (const call of calls) {
    const { code, message } = await rejectionOf(call as Call, undefined);
    expect(code, message).toMatch(/ERR_(ARGUMENT|SHAPE)/);
    expect(message, String(call)).toMatch(
      /^(use|put|kernel|loadModel|open|run|sequence|matmul|svd|topK|transpose|padSequences|imageToTensor|clip|add|softmax|sum|trace|slice|reshape)\b/,
    );
    expect(message, String(call)).toMatch(/got|not for|no input|takes|NUL|do not hold|no parameter/);
  }
});
