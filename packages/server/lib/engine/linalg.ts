// Linear algebra as models: linalg.svd and others, served by every protocol. Requests of one shape and type share one call.
//
// The rule: what is small is stacked with others, which the library computes matrix by matrix; what is large runs by itself, so that it is
// never copied on the JS thread. What is stacked has matrices in its last two dimensions and one rank in all operands: else what is stacked would
// be broadcast over other requests, or vectors be taken for matrices. What has not, and cannot be given that, runs by itself.

import { availableParallelism } from 'node:os';
import {
  type AlgebraOperand,
  type Device,
  type Feeds,
  type Outputs,
  type RunOptions,
  type Tensor,
  TensorlaneError,
} from 'tensorlane';
import { batched } from 'tensorlane/batching';
import { type Runnable, Servable } from './servable.js';
import type { VersionStatistics } from './statistics.js';

type Linalg = Device['linalg'];
type FloatOutputs = Readonly<Record<string, unknown>>;

type Dims = readonly number[];

interface AsMatrices {
  /** Of each operand; its elements stay as they are. */
  readonly operands: readonly Dims[];
  /** Of the result of these, which has the dims that it would have had of the operands themselves. */
  result(dims: Dims): Dims;
}

interface Operation {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Errors: ERR_SHAPE, for what means something else in a batch. */
  check?(operands: readonly Tensor[]): void;
  /** How operands become matrices of one rank; undefined: they run by themselves. By default those do that are not so already. */
  matrices?(operands: readonly Dims[]): AsMatrices | undefined;
  run(linalg: Linalg, operands: readonly AlgebraOperand[]): Promise<FloatOutputs>;
}

const one = (output: string, run: (linalg: Linalg, a: AlgebraOperand) => Promise<unknown>): Operation => ({
  inputs: ['a'],
  outputs: [output],
  run: async (linalg, [a]) => ({ [output]: await run(linalg, a!) }),
});
const several = (
  outputs: readonly string[],
  run: (linalg: Linalg, a: AlgebraOperand) => Promise<unknown>,
): Operation => ({ inputs: ['a'], outputs, run: (linalg, [a]) => run(linalg, a!) as Promise<FloatOutputs> });

const asTheyAre = (operands: readonly Dims[]): AsMatrices | undefined =>
  operands.every(({ length }) => length >= 2 && length === operands[0]!.length)
    ? { operands, result: (dims) => dims }
    : undefined;

/** As numpy has it: a vector is a row on the left and a column on the right, which the product lacks, and leading dimensions are broadcast. */
function factors([a, b]: readonly Dims[]): AsMatrices | undefined {
  if (a!.length === 0 || b!.length === 0) return undefined;
  const isRow = a!.length === 1;
  const isColumn = b!.length === 1;
  const left = isRow ? [1, ...a!] : a!;
  const right = isColumn ? [...b!, 1] : b!;
  const rank = Math.max(left.length, right.length);
  const ranked = (dims: Dims) => [...new Array<number>(rank - dims.length).fill(1), ...dims];
  const result = (dims: Dims) => [
    ...dims.slice(0, -2),
    ...(isRow ? [] : dims.slice(-2, -1)),
    ...(isColumn ? [] : dims.slice(-1)),
  ];
  return { operands: [ranked(left), ranked(right)], result };
}

/** By the names of device.linalg, whose results' names the outputs have. */
export const operations = {
  svd: several(['u', 's', 'vt'], (linalg, a) => linalg.svd(a)),
  svdvals: one('s', (linalg, a) => linalg.svdvals(a)),
  eigh: several(['eigenvalues', 'eigenvectors'], (linalg, a) => linalg.eigh(a)),
  eigvalsh: one('eigenvalues', (linalg, a) => linalg.eigvalsh(a)),
  qr: several(['q', 'r'], (linalg, a) => linalg.qr(a)),
  cholesky: one('l', (linalg, a) => linalg.cholesky(a)),
  inv: one('inverse', (linalg, a) => linalg.inv(a)),
  det: one('det', (linalg, a) => linalg.det(a)),
  slogdet: several(['sign', 'logabsdet'], (linalg, a) => linalg.slogdet(a)),
  matmul: {
    inputs: ['a', 'b'],
    outputs: ['product'],
    matrices: factors,
    run: async (linalg, [a, b]) => ({ product: await linalg.matmul(a!, b!) }),
  },
  solve: {
    inputs: ['a', 'b'],
    outputs: ['x'],
    check: ([a, b]) => {
      // Rows of vectors, as rows of a request are put together, would be taken for the columns of one matrix.
      if (b!.dims.length === a!.dims.length || (b!.dims.length === 1 && a!.dims.length === 2)) return;
      throw new TensorlaneError(
        'ERR_SHAPE',
        `linalg.solve: b must be a vector for one matrix a, or have as many dimensions as a; got a of dims [${a!.dims.join(', ')}], b of dims [${b!.dims.join(', ')}]`,
      );
    },
    // A vector is a column.
    matrices: ([a, b]) =>
      a!.length === 2 && b!.length === 1
        ? { operands: [a!, [...b!, 1]], result: (dims) => dims.slice(0, -1) }
        : asTheyAre([a!, b!]),
    run: async (linalg, [a, b]) => ({ x: await linalg.solve(a!, b!) }),
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;

const prefix = 'linalg.';
export const linalgNames = Object.keys(operations).map((name) => prefix + name);

/** More bytes of operands than these run by themselves: copying them would cost more than a call. */
const mostStackedBytes = 16_384;

interface Item {
  readonly operands: readonly Tensor[];
  readonly key: string;
  /** Undefined: it is not stacked. */
  readonly matrices: AsMatrices | undefined;
}

/** What is stacked is of one kind: also of one class of arrays, and with as many elements where these are not what dims say. */
const kindOf = ({ type, dims, data }: Tensor) =>
  `${type}[${dims.join(',')}] ${data.constructor.name} ${(data as Float64Array).length}`;

/** `name` is linalg.svd or another. */
export function loadLinalg(
  device: Device,
  name: string,
  version: number,
  batcher: string,
  statistics: VersionStatistics,
): Servable {
  const operation: Operation = operations[name.slice(prefix.length) as OperationName];
  const queue = batched<Item, Record<string, Tensor>>((items) => runAll(device, operation, items), {
    name: batcher,
    key: ({ key }) => key,
    maxBatchSize: 256,
    // Of the CPU as many as the device may use, which a container's limit makes fewer than there are.
    concurrency: Math.max(2, device.info.kind === 'cpu' ? device.info.threads : availableParallelism()),
  });
  const info = (value: string) => ({ name: value, type: 'float64', dims: undefined, dimNames: [] }) as const;
  let alone = 0;
  const runnable: Runnable = {
    inputs: operation.inputs.map(info),
    outputs: operation.outputs.map(info),
    platform: 'tensorlane_linalg',
    priorityLevels: 1,
    async run(
      feeds: Feeds,
      { outputs: wanted = operation.outputs, resident: _, alone: byItself, ...options }: RunOptions,
    ) {
      const operands = operandsOf(name, operation, feeds);
      operation.check?.(operands);
      for (const output of wanted) requireName(name, 'output', operation.outputs, output);
      const bytes = operands.reduce((sum, { data }) => sum + (data as Float64Array).byteLength, 0);
      const isAlone = byItself || bytes > mostStackedBytes;
      const dims = operands.map((operand) => operand.dims);
      const matrices = isAlone ? undefined : (operation.matrices ?? asTheyAre)(dims);
      const key = matrices === undefined ? `alone ${++alone}` : operands.map(kindOf).join(' ');
      // They wait here, and their memory is the caller's again once this has returned; large ones the library reads where they are.
      const kept = bytes > mostStackedBytes ? operands : operands.map(copied);
      const results = await queue.run({ operands: kept, key, matrices }, options);
      return Object.fromEntries(wanted.map((output) => [output, results[output]])) as Outputs;
    },
    stats: () => queue.stats(),
    dispose: () => queue.dispose(),
  };
  return new Servable(name, version, runnable, statistics);
}

function copied({ type, data, dims }: Tensor): Tensor {
  return { type, data: (data as Float64Array).slice(), dims: [...dims] } as Tensor;
}

function requireName(model: string, what: string, known: readonly string[], name: string): void {
  if (known.includes(name)) return;
  throw new TensorlaneError('ERR_ARGUMENT', `${model} has no ${what} '${name}'; it has ${known.join(', ')}`);
}

function operandsOf(model: string, { inputs }: Operation, feeds: Feeds): Tensor[] {
  for (const name of Object.keys(feeds)) requireName(model, 'input', inputs, name);
  return inputs.map((name) => {
    const value = feeds[name] as Tensor | undefined;
    if (value === undefined) throw new TensorlaneError('ERR_ARGUMENT', `${model}: input '${name}' is missing`);
    if (ArrayBuffer.isView(value.data)) return value;
    throw new TensorlaneError('ERR_DTYPE', `${model}: input '${name}' must be a tensor of numbers, got ${value.type}`);
  });
}

/** Of one key: one call for all, whose results are taken apart. */
async function runAll(device: Device, operation: Operation, items: readonly Item[]): Promise<Record<string, Tensor>[]> {
  const [first] = items;
  const run = (operands: readonly Tensor[]) =>
    operation.run(device.linalg, operands as readonly AlgebraOperand[]) as Promise<Record<string, Tensor>>;
  if (items.length === 1) return [await run(first!.operands)];
  // Those of one key are alike in it, and what is alone has a key of its own.
  const { operands, result } = first!.matrices!;
  const results = await run(
    operands.map((dims, at) =>
      stack(
        items.map((item) => item.operands[at]!),
        dims,
      ),
    ),
  );
  return items.map((_, at) =>
    Object.fromEntries(Object.entries(results).map(([name, all]) => [name, part(all, at, items.length, result)])),
  );
}

type Floats = Float64Array<ArrayBuffer>;

function stack(tensors: readonly Tensor[], dims: Dims): Tensor {
  const { type, data } = tensors[0]!;
  const each = data.length;
  const all = new (data.constructor as new (length: number) => Floats)(each * tensors.length);
  for (const [at, tensor] of tensors.entries()) all.set(tensor.data as Floats, at * each);
  return { type, data: all, dims: [tensors.length, ...dims] } as Tensor;
}

function part({ type, data, dims }: Tensor, at: number, count: number, result: AsMatrices['result']): Tensor {
  const each = data.length / count;
  const own = (data as Floats).slice(at * each, (at + 1) * each);
  return { type, data: own, dims: result(dims.slice(1)) } as Tensor;
}
