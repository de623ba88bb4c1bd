// Linear algebra across jobs: small matrices of one operation, type and shape run as one batch, since a call costs more than they do;
// large ones run by themselves, each on a lane. So do operands of unequal rank, which in a batch would be broadcast over other jobs.

import type { Device, LinearAlgebra, Tensor } from 'tensorlane';
import { TensorlaneError } from 'tensorlane';
import { type Batched, batched } from 'tensorlane/batching';
import { shown } from '../core/checks.js';
import { type Operation, operations, resultName } from '../job/operations.js';
import type { Tensors } from '../payload/tensors.js';

/** Operands of up to so many bytes. A GPU computes larger ones together, too. */
const smallBytes = { cpu: 8 * 1024, cuda: 512 * 1024 } as const;
const mostTogether = 64;

interface Call {
  readonly name: string;
  readonly operation: Operation;
  readonly operands: readonly Tensor[];
  readonly options: Readonly<Record<string, unknown>>;
}

export class Algebra {
  readonly #linalg: LinearAlgebra;
  readonly #smallBytes: number;
  readonly #together: Batched<Call, Tensors>;
  readonly #lanes: number;
  /** Calls of the device that have not been answered. */
  #running = 0;

  constructor(device: Device, lanes: number) {
    this.#linalg = device.linalg;
    this.#lanes = lanes;
    this.#smallBytes = smallBytes[device.info.kind];
    this.#together = batched((calls: Call[]) => this.#runTogether(calls), {
      maxBatchSize: mostTogether,
      concurrency: lanes,
      key: keyOf,
      name: 'linear algebra of jobs',
    });
  }

  /** Errors: those of the operation; ERR_ARGUMENT, for operands and options that it has not. */
  async run(name: string, feeds: Tensors, options: Readonly<Record<string, unknown>> = {}): Promise<Tensors> {
    const operation = operations.get(name)!;
    for (const option of Object.keys(options)) {
      if (operation.options.includes(option)) continue;
      const known = operation.options.join(', ') || 'none';
      throw new TensorlaneError('ERR_ARGUMENT', `${name}: there is no option '${option}' for a job; there is ${known}`);
    }
    const operands = operation.operands.map((operand) => {
      const given = feeds[operand];
      if (given !== undefined) return given;
      const there = Object.keys(feeds).map(shown).join(', ') || 'none';
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `${name}: expected tensors ${operation.operands.join(' and ')}, got ${there}`,
      );
    });
    const call = { name, operation, operands, options };
    const rank = operands[0]!.dims.length;
    const isSmall = operands.every(({ type, data, dims }) => {
      return (
        type !== 'string' &&
        dims.length >= 2 &&
        dims.length === rank &&
        data.byteLength > 0 &&
        data.byteLength <= this.#smallBytes
      );
    });
    // Where a lane is free there is nobody to wait for.
    if (!isSmall || this.#running < this.#lanes) return this.#runAlone(call);
    return this.#together.run(call);
  }

  dispose(): Promise<void> {
    return this.#together.dispose();
  }

  async #runAlone({ operation, operands, options }: Call): Promise<Tensors> {
    this.#running++;
    try {
      return named(await operation.run(this.#linalg, operands as never, options));
    } finally {
      this.#running--;
    }
  }

  async #runTogether(calls: readonly Call[]): Promise<Tensors[]> {
    const first = calls[0]!;
    if (calls.length === 1) return [await this.#runAlone(first)];
    const operands = first.operands.map((_, i) => stack(calls.map((call) => call.operands[i]!)));
    const results = await this.#runAlone({ ...first, operands });
    const parts = Object.entries(results).map(([name, tensor]) => [name, unstack(tensor, calls.length)] as const);
    return calls.map((_, i) => Object.fromEntries(parts.map(([name, part]) => [name, part[i]!])));
  }
}

const named = (result: Tensor | Tensors): Tensors =>
  Array.isArray((result as Tensor).dims) ? { [resultName]: result as Tensor } : (result as Tensors);

function keyOf({ name, operands, options }: Call): string {
  return JSON.stringify([name, options, ...operands.map(({ type, dims }) => [type, dims])]);
}

type Bytes = Exclude<Tensor['data'], string[]>;

function stack(tensors: readonly Tensor[]): Tensor {
  const first = tensors[0]!;
  const data = first.data as Bytes;
  const all = new (data.constructor as new (length: number) => Bytes)(data.length * tensors.length);
  for (const [i, one] of tensors.entries()) all.set(one.data as never, i * data.length);
  return { type: first.type, data: all, dims: [tensors.length, ...first.dims] } as Tensor;
}

function unstack({ type, data, dims }: Tensor, count: number): Tensor[] {
  const length = data.length / count;
  return Array.from({ length: count }, (_, i) => {
    const part = (data as Bytes).subarray(i * length, (i + 1) * length);
    return { type, data: part, dims: dims.slice(1) } as Tensor;
  });
}
