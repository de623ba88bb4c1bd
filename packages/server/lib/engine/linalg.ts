// Linear algebra as models: linalg.svd and others, served by every protocol. Requests of one shape and type share one call.
//
// The rule: what is small is stacked with others, which the library computes matrix by matrix; what is large runs by itself, so that it is
// never copied on the JS thread.

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

interface Operation {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Errors: ERR_SHAPE, for what means something else in a batch. */
  check?(operands: readonly Tensor[]): void;
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
}

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
      const shapes = operands.map(({ type, dims }) => `${type}[${dims.join(',')}]`).join(' ');
      const key = byItself || bytes > mostStackedBytes ? `alone ${++alone}` : shapes;
      const results = await queue.run({ operands, key }, options);
      return Object.fromEntries(wanted.map((output) => [output, results[output]])) as Outputs;
    },
    stats: () => queue.stats(),
    dispose: () => queue.dispose(),
  };
  return new Servable(name, version, runnable, statistics);
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
  // Stacked vectors would be taken for the columns of a matrix.
  const isVector = first!.operands.map(({ dims }) => dims.length === 1);
  const stacked = first!.operands.map((_, at) => stack(items.map(({ operands }) => operands[at]!)));
  const results = await run(stacked);
  return items.map((_, at) =>
    Object.fromEntries(
      Object.entries(results).map(([name, all]) => [name, part(all, at, items.length, isVector.at(-1)!)]),
    ),
  );
}

type Floats = Float64Array<ArrayBuffer>;

function stack(tensors: readonly Tensor[]): Tensor {
  const { type, data, dims } = tensors[0]!;
  const each = data.length;
  const all = new (data.constructor as new (length: number) => Floats)(each * tensors.length);
  for (const [at, tensor] of tensors.entries()) all.set(tensor.data as Floats, at * each);
  return { type, data: all, dims: [tensors.length, ...dims, ...(dims.length === 1 ? [1] : [])] } as Tensor;
}

function part({ type, data, dims }: Tensor, at: number, count: number, isVector: boolean): Tensor {
  const each = data.length / count;
  const own = (data as Floats).slice(at * each, (at + 1) * each);
  return { type, data: own, dims: isVector ? dims.slice(1, -1) : dims.slice(1) } as Tensor;
}
