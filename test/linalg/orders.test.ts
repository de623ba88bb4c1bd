// In which order chains and contractions are computed: never at a higher cost than in any other order.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contractionOrder } from '../../lib/linalg/contraction-order.js';
import { cheapestOrder, type Order } from '../../lib/linalg/multi-dot.js';

/** All orders of the items, as pairs of parts. */
function allOrders(items: readonly number[], isChain: boolean): Order[] {
  if (items.length === 1) return [items[0]!];
  const parts: [number[], number[]][] = [];
  if (isChain) for (let i = 1; i < items.length; i++) parts.push([items.slice(0, i), items.slice(i)]);
  else {
    for (let set = 1; set < 2 ** (items.length - 1); set++) {
      const inFirst = (_: number, i: number) => i > 0 && ((set >> (i - 1)) & 1) === 1;
      parts.push([items.filter(inFirst), items.filter((one, i) => !inFirst(one, i))]);
    }
  }
  return parts.flatMap(([first, second]) =>
    allOrders(first, isChain).flatMap((x) => allOrders(second, isChain).map((y): Order => [x, y])),
  );
}

function chainCost(order: Order, sizes: readonly number[]): { cost: number; first: number; last: number } {
  if (typeof order === 'number') return { cost: 0, first: order, last: order };
  const [x, y] = [chainCost(order[0], sizes), chainCost(order[1], sizes)];
  const own = sizes[x.first]! * sizes[y.first]! * sizes[y.last + 1]!;
  return { cost: x.cost + y.cost + own, first: x.first, last: y.last };
}

test('a chain of matrices', () => {
  // Of Cormen, Leiserson, Rivest and Stein, section 15.2: 15,125 multiplications.
  const known = [30, 35, 15, 5, 10, 20, 25];
  expect(cheapestOrder(known)).toEqual([
    [0, [1, 2]],
    [[3, 4], 5],
  ]);
  expect(chainCost(cheapestOrder(known), known).cost).toBe(15125);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 3, maxLength: 7 }), (sizes) => {
      const orders = allOrders([...Array(sizes.length - 1).keys()], true);
      const least = Math.min(...orders.map((order) => chainCost(order, sizes).cost));
      expect(chainCost(cheapestOrder(sizes), sizes).cost).toBe(least);
    }),
  );
});

const letters = ['a', 'b', 'c', 'd', 'e'];
function contractionCost(
  order: Order,
  inputs: readonly (readonly string[])[],
  outside: ReadonlySet<string>,
  sizes: ReadonlyMap<string, number>,
): { cost: number; labels: string[] } {
  if (typeof order === 'number') return { cost: 0, labels: [...inputs[order]!] };
  const within = (of: Order): string[] =>
    typeof of === 'number' ? [...inputs[of]!] : [...within(of[0]), ...within(of[1])];
  const x = contractionCost(order[0], inputs, new Set([...outside, ...within(order[1])]), sizes);
  const y = contractionCost(order[1], inputs, new Set([...outside, ...within(order[0])]), sizes);
  const labels = [...new Set([...x.labels, ...y.labels])];
  const own = labels.reduce((total, label) => total * sizes.get(label)!, 1);
  return { cost: x.cost + y.cost + own, labels: labels.filter((label) => outside.has(label)) };
}

test('a contraction of several tensors', () => {
  const input = fc.uniqueArray(fc.constantFrom(...letters), { maxLength: 3 });
  fc.assert(
    fc.property(
      fc.array(input, { minLength: 2, maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 5, maxLength: 5 }),
      fc.subarray(letters),
      (inputs, dims, wanted) => {
        const sizes = new Map(letters.map((label, i) => [label, dims[i]!]));
        const output = wanted.filter((label) => inputs.some((labels) => labels.includes(label)));
        const cost = (order: Order) => contractionCost(order, inputs, new Set(output), sizes).cost;
        const least = Math.min(...allOrders([...inputs.keys()], false).map(cost));
        expect(cost(contractionOrder(inputs, output, sizes))).toBe(least);
      },
    ),
  );
});
