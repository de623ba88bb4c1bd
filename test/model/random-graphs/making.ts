// A random graph as it is made: its values so far, and what every step that adds to it takes: random choices, constants and nodes.

import {
  type Attribute,
  type Initializer,
  initializer,
  type Node,
  node,
  randomFloats,
} from '../../support/onnx-builder.js';

/** The number of rows while a graph is made: shapes that have it anywhere else would have it by chance. */
export const rows = 5;
export const features = [3, 4] as const;

export interface Made {
  readonly name: string;
  readonly dims: readonly number[];
}

/** By what they do. Each takes a value, and gives one more, or none where it cannot. */
export type Steps = Record<string, (graph: Making, x: Made) => void>;

export const range = (count: number) => Array.from({ length: count }, (_, i) => i);
export const sizeOf = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);
export const int = (number: number): Attribute => ({ int: number });
export const list = (numbers: readonly number[]): Attribute => ({ ints: numbers });
const most = 4000;

export class Making {
  readonly random: () => number;
  readonly nodes: Node[] = [];
  readonly initializers: Initializer[] = [];
  readonly values: Made[] = [{ name: 'x', dims: [rows, ...features] }];
  #count = 0;
  /** Whether ranks do not hang on how many rows there are: ONNX Runtime ends the process (std::terminate) for some steps of another rank. */
  rankIsSure = true;

  constructor(seed: number) {
    let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
    this.random = () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) / 2 ** 32;
    };
  }

  below(count: number): number {
    return Math.floor(this.random() * count);
  }
  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  may(chance = 0.5): boolean {
    return this.random() < chance;
  }
  name(): string {
    return `v${this.#count++}`;
  }
  /** Of a value; counted from the end as often. */
  axis({ dims }: Made): number {
    return this.below(dims.length);
  }
  signed(axis: number, rank: number): number {
    return this.may() ? axis : axis - rank;
  }

  floats(...dims: number[]): Made {
    const name = this.name();
    this.initializers.push(initializer(name, 'float32', dims, randomFloats(sizeOf(dims), this.below(1e6) + 1)));
    return { name, dims };
  }
  ints(...numbers: number[]): string {
    return this.intsOf([numbers.length], numbers);
  }
  intsOf(dims: number[], numbers: readonly number[]): string {
    const name = this.name();
    this.initializers.push(initializer(name, 'int64', dims, BigInt64Array.from(numbers, BigInt)));
    return name;
  }
  scalar(number: number): string {
    return this.intsOf([], [number]);
  }

  put(op: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}, domain?: string): string {
    const name = this.name();
    this.nodes.push(node(op, inputs, [name], attributes, domain));
    return name;
  }
  give(name: string, dims: readonly number[]): void {
    if (dims.length > 0 && dims.length < 6 && sizeOf(dims) <= most) this.values.push({ name, dims });
  }
  shapeOf({ name }: Made): string {
    return this.put('Shape', [name]);
  }
  float(name: string): string {
    return this.put('Cast', [name], { to: int(1) });
  }
  /** A value that can be broadcast to this one's dims, or these to its. */
  beside({ dims }: Made): Made {
    const like = this.values.filter((other) => sameFrom(other.dims, dims));
    if (like.length > 0 && this.may()) return this.one(like);
    const own = dims.map((dim) => (this.may() ? 1 : dim));
    return this.floats(...(this.may(0.3) ? own.slice(1) : this.may(0.15) ? [2, ...own] : own));
  }

  limit(number: number): string {
    const name = this.name();
    this.initializers.push(initializer(name, 'float32', [], Float32Array.of(number)));
    return name;
  }

  reduced(x: Made, axis: number): string {
    return this.put('ReduceMax', [x.name, this.ints(axis)], { keepdims: int(0) });
  }

  /** Integers from 0 to 2, by what is in it. */
  places(x: Made): string {
    const positive = this.put('Greater', [x.name, this.limit(0)]);
    const large = this.put('Greater', [x.name, this.limit(0.7)]);
    const [a, b] = [positive, large].map((name) => this.put('Cast', [name], { to: int(7) }));
    return this.put('Add', [a!, b!]);
  }

  /** Of a number of elements, as dims in any order. */
  factors(count: number): number[] {
    const dims: number[] = [];
    let rest = count;
    for (const prime of [5, 3, 2, 2, 2]) {
      if (rest % prime !== 0) continue;
      rest /= prime;
      if (dims.length > 0 && this.may()) dims[dims.length - 1]! *= prime;
      else dims.push(prime);
    }
    if (rest > 1 || dims.length === 0) dims.push(rest);
    return this.may(0.6) ? dims : dims.sort(() => this.random() - 0.5);
  }
}

function sameFrom(a: readonly number[], b: readonly number[]): boolean {
  return a.every((dim, i) => {
    const other = b[i + b.length - a.length];
    return other === undefined || dim === other || dim === 1 || other === 1;
  });
}

export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return range(rank).map((i) => Math.max(a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1));
}
