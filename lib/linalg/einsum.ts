// Einstein's summation: first what concerns each operand alone (diagonals, sums), then products of two at a time.

import { wrong } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import type { MatrixOperand, Operand } from '../runtime/operands.js';
import type { Placed } from '../runtime/out.js';
import type { Runner } from '../runtime/runner.js';
import { compose, type Steps } from '../runtime/steps.js';
import { elementCount } from '../tensor/tensor.js';
import { diagonalOf } from './axes.js';
import { contractPair } from './contraction.js';
import { contractionOrder } from './contraction-order.js';
import { checkField, productTypeOf } from './matrices.js';
import type { Order } from './multi-dot.js';
import { type Label, parseSubscripts } from './subscripts.js';

/** A tensor, and what its axes are called. */
interface Labelled {
  readonly tensor: Operand;
  readonly labels: readonly Label[];
}

/** `options` have been checked. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export async function einsumOf(runner: Runner, subscripts: unknown, given: unknown, options: Placed): Promise<Operand> {
  if (!Array.isArray(given) || given.length === 0) {
    throw wrong('einsum: the operands must be an array of at least one tensor', given);
  }
  const operands: MatrixOperand[] = given.map((one, i) => checkField(one, `einsum: operand ${i}`, 0));
  const type = productTypeOf(operands);
  const { inputs, output } = parseSubscripts(
    subscripts,
    operands.map(({ dims }) => dims.length),
  );
  const sizes = sizesOf(inputs, operands);
  elementCount(
    output.map((label) => sizes.get(label)!),
    'einsum',
  );
  // What an operand has as a 1 for others' sake is nothing that it has in common with them.
  const needed = inputs.map((labels, i) =>
    labels.filter((label, axis) => !isSpare(operands[i]!.dims[axis]!, label, sizes)),
  );
  const [result] = await compose(runner, 'einsum', options, operands, type, async (steps, ...tensors) => {
    const alone = await Promise.all(
      tensors.map((tensor, i) => {
        const others = new Set([...needed.flatMap((labels, j) => (j === i ? [] : labels)), ...output]);
        return reduceAlone(steps, { tensor, labels: inputs[i]! }, sizes, others);
      }),
    );
    const order = contractionOrder(
      alone.map(({ labels }) => labels),
      output,
      sizes,
    );
    const { tensor, labels } = await multiply(steps, alone, order, new Set(output));
    const found = await steps.transpose(
      tensor,
      output.map((label) => labels.indexOf(label)),
    );
    // What is given must not be an operand's own memory.
    return [operands.length === 1 ? await steps.copy(found) : found];
  });
  return result!;
}

/** How large each label's dimension is; a size of 1 serves for any. Errors: ERR_SHAPE. */
function sizesOf(inputs: readonly (readonly Label[])[], operands: readonly Operand[]): Map<Label, number> {
  const sizes = new Map<Label, number>();
  for (const [i, labels] of inputs.entries()) {
    const { dims } = operands[i]!;
    for (const [axis, label] of labels.entries()) {
      const size = dims[axis]!;
      const known = sizes.get(label) ?? 1;
      const own = dims[labels.indexOf(label)]!;
      if ((known !== 1 && size !== 1 && known !== size) || own !== size) {
        const name = label.startsWith('.') ? "a dimension of '...'" : `'${label}'`;
        throw new TensorlaneError(
          'ERR_SHAPE',
          `einsum: ${name} is ${own !== size ? own : known} elsewhere, and ${size} in operand ${i} of dims [${dims.join(', ')}]`,
        );
      }
      sizes.set(label, known === 1 ? size : known);
    }
  }
  return sizes;
}

/** Whether a dimension of 1 serves for a larger one of other operands. */
function isSpare(size: number, label: Label, sizes: ReadonlyMap<Label, number>): boolean {
  return size === 1 && sizes.get(label) !== 1;
}

/** Diagonals of what is named twice, without what is 1 for others' sake; and summed over what no other needs. */
async function reduceAlone(
  steps: Steps,
  { tensor, labels }: Labelled,
  sizes: ReadonlyMap<Label, number>,
  others: ReadonlySet<Label>,
): Promise<Labelled> {
  let found = tensor;
  let names = [...labels];
  for (;;) {
    const second = names.findIndex((label, i) => names.indexOf(label) !== i);
    if (second === -1) break;
    const label = names[second]!;
    const first = names.indexOf(label);
    found = await diagonalOf(steps, found, first, second, 0);
    names = [...names.filter((_, i) => i !== first && i !== second), label];
  }
  const spare = names.map((label, axis) => isSpare(found.dims[axis]!, label, sizes));
  const stay = names.filter((_, axis) => !spare[axis]);
  found = steps.reshape(
    found,
    found.dims.filter((_, axis) => !spare[axis]),
  );
  const alone = [...stay.keys()].filter((i) => !others.has(stay[i]!));
  if (alone.length === 0) return { tensor: found, labels: stay };
  const sum = await steps.sum(found, alone);
  return { tensor: sum, labels: stay.filter((label) => others.has(label)) };
}

/** The products in this order; `outside` are the labels that others, and the result, need. */
async function multiply(
  steps: Steps,
  operands: readonly Labelled[],
  order: Order,
  outside: ReadonlySet<Label>,
): Promise<Labelled> {
  if (typeof order === 'number') return operands[order]!;
  const within = (of: Order): Label[] =>
    typeof of === 'number' ? [...operands[of]!.labels] : [...within(of[0]), ...within(of[1])];
  const [a, b] = await Promise.all([
    multiply(steps, operands, order[0], new Set([...outside, ...within(order[1])])),
    multiply(steps, operands, order[1], new Set([...outside, ...within(order[0])])),
  ]);
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => outside.has(label));
  const summed = shared.filter((label) => !outside.has(label));
  const keptOf = ({ labels }: Labelled) => labels.filter((label) => !shared.includes(label));
  const places = ({ labels }: Labelled, some: readonly Label[]) => some.map((label) => labels.indexOf(label));
  const [keptA, keptB] = [keptOf(a), keptOf(b)];
  const tensor = await contractPair(steps, a.tensor, b.tensor, {
    batch: [places(a, batch), places(b, batch)],
    summed: [places(a, summed), places(b, summed)],
    kept: [places(a, keptA), places(b, keptB)],
  });
  return { tensor, labels: [...batch, ...keptA, ...keptB] };
}
