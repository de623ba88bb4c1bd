// The operations that a job may name beside models: those of device.linalg, with their operands, options and results.

import type { LinearAlgebra, Tensor } from 'tensorlane';

export interface Operation {
  readonly operands: readonly ('a' | 'b')[];
  readonly options: readonly string[];
  /** The name of the result where it is one tensor, which the caller then gets by itself. */
  readonly single: boolean;
  run(
    linalg: LinearAlgebra,
    operands: readonly never[],
    options: object,
  ): Promise<Tensor | Readonly<Record<string, Tensor>>>;
}

/** What the one tensor of a result is called. */
export const resultName = 'result';

function operation(
  operands: readonly ('a' | 'b')[],
  single: boolean,
  options: readonly string[],
  run: (linalg: LinearAlgebra, a: never, b: never, options: never) => Promise<unknown>,
): Operation {
  return {
    operands,
    options,
    single,
    run: (linalg, [a, b], given) => run(linalg, a as never, b as never, given as never) as Promise<Tensor>,
  };
}

const a = ['a'] as const;
const ab = ['a', 'b'] as const;
const svdOptions = ['mode', 'driver', 'hermitian', 'rank', 'oversample', 'iterations', 'seed', 'signs'] as const;

export const operations: ReadonlyMap<string, Operation> = new Map(
  Object.entries({
    svd: operation(a, false, svdOptions, (linalg, x, _, options) => linalg.svd(x, options)),
    svdvals: operation(a, true, [], (linalg, x, _, options) => linalg.svdvals(x, options)),
    eigh: operation(a, false, ['uplo'], (linalg, x, _, options) => linalg.eigh(x, options)),
    eigvalsh: operation(a, true, ['uplo'], (linalg, x, _, options) => linalg.eigvalsh(x, options)),
    qr: operation(a, false, ['mode'], (linalg, x, _, options) => linalg.qr(x, options)),
    inv: operation(a, true, [], (linalg, x, _, options) => linalg.inv(x, options)),
    cholesky: operation(a, true, ['upper'], (linalg, x, _, options) => linalg.cholesky(x, options)),
    det: operation(a, true, [], (linalg, x, _, options) => linalg.det(x, options)),
    slogdet: operation(a, false, [], (linalg, x, _, options) => linalg.slogdet(x, options)),
    trace: operation(a, true, ['offset'], (linalg, x, _, options) => linalg.trace(x, options)),
    matmul: operation(ab, true, ['tf32'], (linalg, x, y, options) => linalg.matmul(x, y, options)),
    solve: operation(ab, true, [], (linalg, x, y, options) => linalg.solve(x, y, options)),
  }),
);
