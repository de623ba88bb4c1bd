// In which order the operands of einsum are multiplied, two at a time.
//
// What a product costs is the number of multiplications, the product of the sizes of all labels that either has. For few operands
// the cheapest of all orders is found by dynamic programming over sets of them (as Pfeifer, Haegeman and Verstraete, Phys. Rev. E
// 90, 033315, 2014, without their pruning); for many, the pair is taken each time whose product is smallest beside what goes into it.

import type { Order } from './multi-dot.js';
import type { Label } from './subscripts.js';

const mostByAllOrders = 8;

/** `inputs` are the labels of each operand, none of them twice. */
export function contractionOrder(
  inputs: readonly (readonly Label[])[],
  output: readonly Label[],
  sizes: ReadonlyMap<Label, number>,
): Order {
  return inputs.length <= mostByAllOrders ? cheapestOfAll(inputs, output, sizes) : smallestFirst(inputs, output, sizes);
}

const volume = (labels: Iterable<Label>, sizes: ReadonlyMap<Label, number>): number => {
  let total = 1;
  for (const label of labels) total *= sizes.get(label)!;
  return total;
};

interface Plan {
  readonly order: Order;
  readonly cost: number;
  readonly labels: ReadonlySet<Label>;
}

function cheapestOfAll(
  inputs: readonly (readonly Label[])[],
  output: readonly Label[],
  sizes: ReadonlyMap<Label, number>,
): Order {
  const all = 2 ** inputs.length - 1;
  /** By the set of operands, a bit each. */
  const plans: Plan[] = [];
  const labelsOf = (set: number) => new Set(inputs.flatMap((labels, i) => ((set >> i) & 1 ? labels : [])));
  for (let set = 1; set <= all; set++) {
    const needed = labelsOf(all & ~set);
    for (const label of output) needed.add(label);
    const labels = new Set([...labelsOf(set)].filter((label) => needed.has(label)));
    if ((set & (set - 1)) === 0) {
      const order = Math.log2(set);
      plans[set] = { order, cost: 0, labels: new Set(inputs[order]) };
      continue;
    }
    // The part with the lowest operand is the first one: each division is seen once.
    const lowest = set & -set;
    let best: Plan | undefined;
    for (let part = (set - 1) & set; part > 0; part = (part - 1) & set) {
      if ((part & lowest) === 0) continue;
      const [first, second] = [plans[part]!, plans[set & ~part]!];
      const own = volume(new Set([...first.labels, ...second.labels]), sizes);
      const cost = first.cost + second.cost + own;
      if (best === undefined || cost < best.cost) best = { order: [first.order, second.order], cost, labels };
    }
    plans[set] = best!;
  }
  return plans[all]!.order;
}

function smallestFirst(
  inputs: readonly (readonly Label[])[],
  output: readonly Label[],
  sizes: ReadonlyMap<Label, number>,
): Order {
  let left: Omit<Plan, 'cost'>[] = inputs.map((labels, order) => ({ order, labels: new Set(labels) }));
  while (left.length > 1) {
    let least = Number.POSITIVE_INFINITY;
    let chosen: readonly [number, number] = [0, 1];
    let labels = new Set<Label>();
    for (let i = 0; i < left.length; i++) {
      for (let j = i + 1; j < left.length; j++) {
        const needed = new Set(left.flatMap((one, k) => (k === i || k === j ? [] : [...one.labels])).concat(output));
        const both = new Set([...left[i]!.labels, ...left[j]!.labels]);
        const result = new Set([...both].filter((label) => needed.has(label)));
        const grown = volume(result, sizes) - volume(left[i]!.labels, sizes) - volume(left[j]!.labels, sizes);
        if (grown >= least) continue;
        least = grown;
        chosen = [i, j];
        labels = result;
      }
    }
    const [i, j] = chosen;
    const order: Order = [left[i]!.order, left[j]!.order];
    left = [...left.filter((_, k) => k !== i && k !== j), { order, labels }];
  }
  return left[0]!.order;
}
