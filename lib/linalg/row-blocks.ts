// A matrix of any number of rows, that come in blocks: what is kept of them has as many columns, and few rows.
//
// Of up to 4096 columns it is r of q · r = the rows so far, which has the singular values and right singular vectors of all of them,
// exactly (QR of r with the next rows below it; Demmel, Grigori, Hoemmen and Langou, SIAM J. Sci. Comput. 34(1), 2012). Of more
// columns it is diag(s) · vt of the largest singular values, and what is left out is summed up.
//
// For principal components the mean of all rows is to be subtracted, which is known only at the end. Each part is taken
// without its own mean, and one row more stands for how far that is from the mean before (Chan, Golub and LeVeque, 1979; Ross,
// Lim, Lin and Yang, Int. J. Comput. Vis. 77, 2008).

import { wrong } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { DeviceTensor } from '../runtime/device-tensor.js';
import type { MatrixOperand, Operand } from '../runtime/operands.js';
import type { StoppableOptions } from '../runtime/out.js';
import { floatOf } from '../runtime/promotion.js';
import type { Runner } from '../runtime/runner.js';
import { compose, type Steps } from '../runtime/steps.js';
import { checkSignal, refuseAborted } from '../runtime/stopping.js';
import { orderOf } from '../runtime/transposed.js';
import { arrayClasses, bitsOf, isComplex, type NumericArray } from '../tensor/dtypes.js';
import { hostTensor } from '../tensor/tensor.js';
import type { FieldType, FloatType, Tensor } from '../tensor/types.js';
import { checkFieldMatrices } from './matrices.js';
import { cut } from './truncated.js';

/** Blocks of rows [rows, n], of one type and in one place. */
export type RowBlocks<A extends MatrixOperand = MatrixOperand> = Iterable<A> | AsyncIterable<A>;

export interface Progress {
  /** How many have been taken. */
  readonly rows: number;
}

export interface BlocksOptions {
  /** Ends it, with ERR_ABORTED: between two blocks, or between two steps of what is computed of one. */
  signal?: AbortSignal | undefined;
  /** Called when a block has been taken. */
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** Up to so many columns all singular values are kept. */
const mostColumns = 4096;
/** What is taken together, where memory allows it. */
const bytesTogether = 64 * 2 ** 20;

export function isRowBlocks(value: unknown): value is RowBlocks {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}

/** Errors: ERR_ARGUMENT. */
export function checkBlocks({ signal, onProgress }: BlocksOptions, what: string): BlocksOptions {
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw wrong(`${what}: onProgress must be a function`, onProgress);
  }
  return { signal: checkSignal(signal, what), onProgress };
}

interface Setting {
  readonly what: string;
  readonly centered: boolean;
  /** How many singular values are wanted; all where there is none. */
  readonly rank: number | undefined;
  readonly oversample: number;
  readonly options: StoppableOptions;
}

/** What the rows so far come to. */
export class RowReducer {
  readonly #runner: Runner;
  readonly #setting: Setting;
  readonly #type: FieldType;
  readonly #n: number;
  /** How many rows are kept, and lie before those that have just come. */
  readonly #kept: number;
  readonly #capacity: number;
  readonly #stack: Operand;
  readonly #parts: DeviceTensor[] = [];
  #filled = 0;
  #rows = 0;
  #mean: Operand | undefined;
  /** The Frobenius norm of what was left out. */
  #lost = 0;

  private constructor(runner: Runner, setting: Setting, type: FieldType, n: number, kept: number, stack: Operand) {
    this.#runner = runner;
    this.#setting = setting;
    this.#type = type;
    this.#n = n;
    this.#kept = kept;
    this.#capacity = stack.dims[0]! - kept - 1;
    this.#stack = stack;
  }

  /** All blocks, one after the other. Errors: of each block ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE; ERR_ABORTED. */
  static async of(runner: Runner, blocks: RowBlocks, setting: Setting, own: BlocksOptions): Promise<RowReducer> {
    const { what } = setting;
    let reducer: RowReducer | undefined;
    try {
      refuseAborted(own.signal, what);
      for await (const block of blocks) {
        refuseAborted(own.signal, what);
        const matrices = checkFieldMatrices(block, `${what}: a block`);
        if (matrices.lead.length > 0) {
          throw new TensorlaneError(
            'ERR_SHAPE',
            `${what}: expected blocks of rows, got dims [${block.dims.join(', ')}]`,
          );
        }
        reducer ??= await RowReducer.#begin(runner, setting, matrices);
        await reducer.#add(matrices.operand, matrices.m);
        own.onProgress?.({ rows: reducer.rows });
        refuseAborted(own.signal, what);
      }
      if (reducer === undefined) throw wrong(`${what}: expected at least one block`, blocks);
      await reducer.#reduce();
      return reducer;
    } catch (error) {
      await reducer?.dispose();
      throw error;
    }
  }

  static async #begin(
    runner: Runner,
    setting: Setting,
    first: ReturnType<typeof checkFieldMatrices>,
  ): Promise<RowReducer> {
    const { operand, type, n } = first;
    const { what, rank, oversample, options } = setting;
    if (rank === undefined && n > mostColumns) {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `${what}: blocks of more than ${mostColumns} columns, of ${n}, need a rank`,
      );
    }
    if (rank !== undefined && rank > n) {
      throw new TensorlaneError('ERR_ARGUMENT', `${what}: a rank of ${rank} of blocks of ${n} columns`);
    }
    const kept = n > mostColumns ? Math.min(rank! + oversample, n) : n;
    const fitting = Math.floor(bytesTogether / (Math.max(n, 1) * (bitsOf[type] / 8)));
    const capacity = Math.max(kept, Math.min(fitting, 4 * kept + 1024), 1);
    const rows = kept + capacity + 1;
    const elements = rows * n * (isComplex(type) ? 2 : 1);
    const made = hostTensor(type, new arrayClasses[type](elements) as NumericArray, [rows, n]) as Tensor<FieldType>;
    const stack =
      operand instanceof DeviceTensor ? await runner.put(made, { stream: options.stream }) : (made as Operand);
    return new RowReducer(runner, setting, type, n, kept, stack);
  }

  get rows(): number {
    return this.#rows;
  }

  /** Of all rows, where they are centered. */
  get mean(): Operand | undefined {
    return this.#mean;
  }

  /** How many singular values the whole matrix has. */
  get countOfAll(): number {
    return Math.min(this.#n, this.#rows);
  }

  /** How many are given. */
  get count(): number {
    return Math.min(this.#kept, this.#rows, this.#setting.rank ?? this.#kept);
  }

  /** The singular values, the right singular vectors, and the Frobenius norm of what they leave, or, of blocks of many columns, may. */
  async singularValues(steps: Steps): Promise<{ s: Operand; vt: Operand; error: Operand }> {
    const all = await steps.svd(await steps.take(this.#part(0, this.#kept), this.#type, this.#setting.what));
    const { s, vt, error } = await cut(steps, all, this.count);
    if (this.#lost === 0) return { s, vt, error };
    const isFirst = hostTensor('bool', Uint8Array.of(1, 0), [2]) as Operand;
    const both = await steps.where(isFirst, steps.scalar(s.type, this.#lost), error);
    return { s, vt, error: await steps.reduce('norm', both, [0]) };
  }

  /** But for the mean, which is its user's. */
  async dispose(): Promise<void> {
    await this.#letGo();
    if (this.#stack instanceof DeviceTensor) await this.#stack.dispose();
  }

  async #add(block: MatrixOperand, rows: number): Promise<void> {
    const { what, options } = this.#setting;
    if (block.dims[1] !== this.#n || floatOf(block.type) !== this.#type) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `${what}: the first block has ${this.#n} columns of ${this.#type}, another one ${block.dims[1]} of ${block.type}`,
      );
    }
    if (block instanceof DeviceTensor !== this.#stack instanceof DeviceTensor) {
      throw new TensorlaneError('ERR_ARGUMENT', `${what}: some blocks are on the device, and some are not`);
    }
    const ordered = await this.#inOrder(block);
    try {
      for (let from = 0; from < rows; ) {
        const count = Math.min(rows - from, this.#capacity - this.#filled);
        const to = this.#part(this.#kept + this.#filled, count);
        const part = this.#partOf(ordered, from, count);
        await compose(this.#runner, what, { ...options, outs: [to] }, [part], this.#type, async (_, x) => [x!]);
        await this.#letGo();
        this.#filled += count;
        this.#rows += count;
        from += count;
        if (this.#filled === this.#capacity) await this.#reduce();
      }
    } finally {
      if (ordered !== block && ordered instanceof DeviceTensor) await ordered.dispose();
    }
  }

  /** Of a transposed block the rows, one after the other. */
  async #inOrder(block: Operand): Promise<Operand> {
    if (orderOf(block) === undefined) return block;
    const { what, options } = this.#setting;
    return (await compose(this.#runner, what, options, [block], undefined, async (_, x) => [x!]))[0]!;
  }

  #part(first: number, count: number): Operand {
    return this.#partOf(this.#stack, first, count);
  }

  /** Rows of a matrix, over the same memory, until `letGo`. */
  #partOf(a: Operand, first: number, count: number): Operand {
    if (a instanceof DeviceTensor) {
      const part = a.slice(first, first + count);
      this.#parts.push(part);
      return part;
    }
    const [, n] = a.dims as [number, number];
    const width = n * (isComplex(a.type) ? 2 : 1);
    const data = (a.data as Float64Array).subarray(first * width, (first + count) * width);
    return hostTensor(a.type, data, [count, n]) as Operand;
  }

  async #letGo(): Promise<void> {
    await Promise.all(this.#parts.splice(0).map((part) => part.dispose()));
  }

  /** Takes the rows that have come to those that are kept. */
  async #reduce(): Promise<void> {
    if (this.#filled === 0) return;
    const { what, options, centered } = this.#setting;
    const used = centered ? await this.#center() : this.#filled;
    this.#filled = 0;
    const [all, to] = [this.#part(0, this.#kept + used), this.#part(0, this.#kept)];
    if (this.#kept === this.#n) {
      await compose(this.#runner, what, { ...options, outs: [to] }, [all], undefined, async (steps, x) => [
        await steps.triangle(x!),
      ]);
      return this.#letGo();
    }
    let lost = 0;
    await compose(this.#runner, what, { ...options, outs: [to] }, [all], undefined, async (steps, x) => {
      const { s, vt, error } = await cut(steps, await steps.svd(x!), this.#kept);
      lost = ((await steps.read(error)) as Tensor<FloatType>).data[0]!;
      return [await steps.scale(vt, steps.reshape(s, [...s.dims, 1]))];
    });
    this.#lost = Math.hypot(this.#lost, lost);
    await this.#letGo();
  }

  /** Subtracts the mean of the rows that have come, and adds the row that it is worth. Gives how many rows that makes. */
  async #center(): Promise<number> {
    const { what, options } = this.#setting;
    const [now, before] = [this.#filled, this.#rows - this.#filled];
    const [rows, extra] = [this.#part(this.#kept, now), this.#part(this.#kept + now, 1)];
    const old = this.#mean;
    const given = old === undefined ? [rows] : [rows, old];
    const outs = old === undefined ? [rows, undefined] : [rows, undefined, extra];
    const [, mean] = await compose(
      this.#runner,
      what,
      { ...options, outs },
      given,
      undefined,
      async (steps, x, last) => {
        const own = await steps.reduce('mean', x!, [0]);
        const centered = await steps.subtract(x!, own);
        if (last === undefined) return [centered, own];
        const away = await steps.binary('sub', own, last);
        const [step, row] = await Promise.all([
          steps.binary('mul', away, now / (before + now)),
          steps.binary('mul', away, Math.sqrt((before * now) / (before + now))),
        ]);
        return [centered, await steps.binary('add', last, step), steps.reshape(row, [1, this.#n])];
      },
    );
    await this.#letGo();
    if (old instanceof DeviceTensor) await old.dispose();
    this.#mean = mean!;
    return old === undefined ? now : now + 1;
  }
}
