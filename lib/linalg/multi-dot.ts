// In which order a chain of matrices is multiplied with the fewest multiplications, by dynamic programming over where the last
// product divides it (Cormen, Leiserson, Rivest and Stein, Introduction to Algorithms, chapter 15.2).

/** A matrix by its number, or the product of two. */
export type Order = number | readonly [Order, Order];

/** Matrix i has sizes[i] rows and sizes[i + 1] columns. */
export function cheapestOrder(sizes: readonly number[]): Order {
  const count = sizes.length - 1;
  /** Of the chain from `first` on, `length` matrices beyond it: what it costs, and where it is divided. */
  const costs = Array.from({ length: count }, () => new Float64Array(count));
  const splits = Array.from({ length: count }, () => new Int32Array(count));
  for (let length = 1; length < count; length++) {
    for (let first = 0; first + length < count; first++) {
      const last = first + length;
      let least = Number.POSITIVE_INFINITY;
      for (let split = first; split < last; split++) {
        const own = sizes[first]! * sizes[split + 1]! * sizes[last + 1]!;
        const cost = costs[first]![split]! + costs[split + 1]![last]! + own;
        if (cost >= least) continue;
        least = cost;
        splits[first]![last] = split;
      }
      costs[first]![last] = least;
    }
  }
  const order = (first: number, last: number): Order => {
    if (first === last) return first;
    const split = splits[first]![last]!;
    return [order(first, split), order(split + 1, last)];
  };
  return order(0, count - 1);
}
