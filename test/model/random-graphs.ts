// Random graphs of any operators with any axes, shapes and constants: of values [N, ...] and of what comes of them. What a graph does
// with its rows, nobody knows who makes it: whoever tests with it has to look at what it gives.

import {
  type Attribute,
  type Graph,
  type Initializer,
  initializer,
  type Node,
  node,
  randomFloats,
  value,
} from '../support/onnx-builder.js';

/** The number of rows while a graph is made: shapes that have it anywhere else would have it by chance. */
const rows = 5;
export const features = [3, 4] as const;

interface Made {
  readonly name: string;
  readonly dims: readonly number[];
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const sizeOf = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);
const int = (number: number): Attribute => ({ int: number });
const list = (numbers: readonly number[]): Attribute => ({ ints: numbers });
const most = 4000;

export class RandomGraph {
  readonly #random: () => number;
  readonly #nodes: Node[] = [];
  readonly #initializers: Initializer[] = [];
  readonly #values: Made[] = [{ name: 'x', dims: [rows, ...features] }];
  #count = 0;
  /** Whether ranks do not hang on how many rows there are: ONNX Runtime ends the process (std::terminate) for some steps of another rank. */
  #rankIsSure = true;
  /** What was done, for whoever reads of a failure. */
  readonly steps: string[] = [];

  constructor(seed: number) {
    let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
    this.#random = () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) / 2 ** 32;
    };
  }

  /** Of so many steps, some of which may turn out to be impossible. */
  make(count: number): Graph {
    const names = Object.keys(this.#steps);
    for (let i = 0; i < count; i++) {
      const name = this.#one(names);
      const before = this.#values.length;
      this.#steps[name]!(this.#one(this.#values.slice(-3)));
      if (this.#values.length > before) this.steps.push(name);
    }
    const last = this.#values.at(-1)!;
    const nodes = neededFor(last.name, this.#nodes);
    const used = new Set(nodes.flatMap(namesIn));
    return {
      inputs: [value('x', 'float32', ['N', ...features])],
      outputs: [value('y', 'float32', ['N', ...last.dims.slice(1).map(() => null)])],
      nodes: [...nodes, node('Identity', [last.name], ['y'])],
      initializers: this.#initializers.filter(({ name }) => used.has(name)),
    };
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }
  #one<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!;
  }
  #may(chance = 0.5): boolean {
    return this.#random() < chance;
  }
  #name(): string {
    return `v${this.#count++}`;
  }
  /** Of a value; counted from the end as often. */
  #axis({ dims }: Made): number {
    return this.#below(dims.length);
  }
  #signed(axis: number, rank: number): number {
    return this.#may() ? axis : axis - rank;
  }

  #floats(...dims: number[]): Made {
    const name = this.#name();
    this.#initializers.push(initializer(name, 'float32', dims, randomFloats(sizeOf(dims), this.#below(1e6) + 1)));
    return { name, dims };
  }
  #ints(...numbers: number[]): string {
    return this.#intsOf([numbers.length], numbers);
  }
  #intsOf(dims: number[], numbers: readonly number[]): string {
    const name = this.#name();
    this.#initializers.push(initializer(name, 'int64', dims, BigInt64Array.from(numbers, BigInt)));
    return name;
  }
  #scalar(number: number): string {
    return this.#intsOf([], [number]);
  }

  #put(op: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}, domain?: string): string {
    const name = this.#name();
    this.#nodes.push(node(op, inputs, [name], attributes, domain));
    return name;
  }
  #give(name: string, dims: readonly number[]): void {
    if (dims.length > 0 && dims.length < 6 && sizeOf(dims) <= most) this.#values.push({ name, dims });
  }
  #shapeOf({ name }: Made): string {
    return this.#put('Shape', [name]);
  }
  #float(name: string): string {
    return this.#put('Cast', [name], { to: int(1) });
  }
  /** A value that can be broadcast to this one's dims, or these to its. */
  #beside({ dims }: Made): Made {
    const like = this.#values.filter((other) => sameFrom(other.dims, dims));
    if (like.length > 0 && this.#may()) return this.#one(like);
    const own = dims.map((dim) => (this.#may() ? 1 : dim));
    return this.#floats(...(this.#may(0.3) ? own.slice(1) : this.#may(0.15) ? [2, ...own] : own));
  }

  readonly #steps: Record<string, (x: Made) => void> = {
    unary: (x) => {
      const op = this.#one(['Relu', 'Tanh', 'Sigmoid', 'Neg', 'Abs', 'Sin', 'Identity', 'Erf', 'Softsign']);
      this.#give(this.#put(op, [x.name]), x.dims);
    },
    binary: (x) => {
      const other = this.#beside(x);
      const given = this.#may() ? [x, other] : [other, x];
      const op = this.#one(['Add', 'Sub', 'Mul', 'Max', 'Min']);
      const names = given.map(({ name }) => name);
      this.#give(this.#put(op, names), broadcast(x.dims, other.dims));
    },
    choice: (x) => {
      const [a, b] = [this.#beside(x), this.#beside(x)];
      const mask = this.#put('Greater', [x.name, a.name]);
      const dims = broadcast(broadcast(x.dims, a.dims), b.dims);
      this.#give(this.#put('Where', [mask, x.name, b.name]), dims);
    },
    matmul: (x) => {
      const k = x.dims.at(-1)!;
      if (x.dims.length < 2) return;
      const batch = x.dims.slice(0, -2).map((dim) => (this.#may() ? 1 : dim));
      const other = this.#floats(...(this.#may() ? [] : batch), k, this.#one([2, 4]));
      this.#give(this.#put('MatMul', [x.name, other.name]), [...x.dims.slice(0, -1), other.dims.at(-1)!]);
    },
    'matmul from the left': (x) => {
      if (x.dims.length < 2) return;
      const other = this.#floats(this.#one([2, 4]), x.dims.at(-2)!);
      const dims = [...x.dims.slice(0, -2), other.dims[0]!, x.dims.at(-1)!];
      this.#give(this.#put('MatMul', [other.name, x.name]), dims);
    },
    'matmul with its own': (x) => {
      const rank = x.dims.length;
      if (rank < 2) return;
      const perm = [...range(rank - 2), rank - 1, rank - 2];
      const turned = this.#put('Transpose', [x.name], { perm: list(perm) });
      const outer = this.#may();
      const names = outer ? [x.name, turned] : [turned, x.name];
      const size = x.dims.at(outer ? -2 : -1)!;
      this.#give(this.#put('MatMul', names), [...x.dims.slice(0, -2), size, size]);
    },
    gemm: (x) => {
      if (x.dims.length !== 2) return;
      const [m, k] = this.#may() ? [x.dims[0]!, x.dims[1]!] : [x.dims[1]!, x.dims[0]!];
      const isTurned = m !== x.dims[0]!;
      const b = this.#floats(k, 3);
      const c = this.#one([[3], [1, 3], [m, 1], [m, 3], [1]]);
      const names = [x.name, b.name, ...(this.#may() ? [this.#floats(...c).name] : [])];
      this.#give(this.#put('Gemm', names, { transA: int(isTurned ? 1 : 0) }), [m, 3]);
    },
    einsum: (x) => {
      if (!this.#rankIsSure) return;
      const letters = 'abcde'.slice(0, x.dims.length);
      const kept = [...letters].filter(() => this.#may(0.7)).sort(() => this.#random() - 0.5);
      if (kept.length === 0) return;
      const own = [...letters].filter(() => this.#may());
      const sizes = new Map([...letters].map((letter, i) => [letter, x.dims[i]!]));
      const other = own.length > 0 ? this.#floats(...own.map((letter) => sizes.get(letter)!)) : undefined;
      const terms = [letters, ...(other ? [own.join('')] : [])];
      const names = [x.name, ...(other ? [other.name] : [])];
      const equation: Attribute = { string: `${terms.join(',')}->${kept.join('')}` };
      this.#give(
        this.#put('Einsum', names, { equation }),
        kept.map((letter) => sizes.get(letter)!),
      );
    },
    'along an axis': (x) => {
      const axis = this.#signed(this.#axis(x), x.dims.length);
      const op = this.#one(['Softmax', 'LogSoftmax', 'Hardmax', 'LpNormalization', 'CumSum', 'Mean variance']);
      if (op === 'CumSum') this.#give(this.#put(op, [x.name, this.#scalar(axis)]), x.dims);
      else if (op === 'Mean variance') {
        const axes = list([axis < 0 ? axis + x.dims.length : axis]);
        this.#give(this.#put('MeanVarianceNormalization', [x.name], { axes }), x.dims);
      } else this.#give(this.#put(op, [x.name], { axis: int(axis) }), x.dims);
    },
    normalization: (x) => {
      const axis = this.#axis(x);
      const scale = this.#floats(...x.dims.slice(axis));
      const attributes = { axis: int(this.#signed(axis, x.dims.length)) };
      this.#give(this.#put('LayerNormalization', [x.name, scale.name], attributes), x.dims);
    },
    'normalization of channels': (x) => {
      if (x.dims.length < 3) return;
      const own = () => this.#floats(x.dims[1]!).name;
      if (this.#may()) return this.#give(this.#put('InstanceNormalization', [x.name, own(), own()]), x.dims);
      const variance = this.#put('Abs', [own()]);
      const given = [x.name, own(), own(), own(), variance];
      if (this.#may(0.7)) return this.#give(this.#put('BatchNormalization', given), x.dims);
      const outputs = [this.#name(), this.#name(), this.#name()];
      this.#nodes.push(node('BatchNormalization', given, outputs, { training_mode: int(1) }));
      this.#give(outputs[0]!, x.dims);
    },
    reduction: (x) => {
      const op = this.#one(['ReduceMean', 'ReduceMax', 'ReduceSum', 'ReduceL2', 'ReduceMin', 'ArgMax']);
      const keep = this.#may();
      const axes = range(x.dims.length).filter(() => this.#may(0.4));
      if (op === 'ArgMax') axes.splice(0, axes.length, this.#axis(x));
      const goes = (axis: number) => axes.length === 0 || axes.includes(axis);
      const dims = x.dims.flatMap((dim, axis) => (!goes(axis) ? [dim] : keep ? [1] : []));
      const signed = axes.map((axis) => this.#signed(axis, x.dims.length));
      const keepdims = int(keep ? 1 : 0);
      const made =
        op === 'ArgMax'
          ? this.#float(this.#put(op, [x.name], { axis: int(signed[0]!), keepdims }))
          : this.#put(op, axes.length === 0 ? [x.name] : [x.name, this.#ints(...signed)], { keepdims });
      this.#give(made, dims);
      const { name } = this.#values.at(-1)!;
      if (name === made && keep && this.#may()) this.#give(this.#put('Sub', [x.name, made]), x.dims);
    },
    'the largest': (x) => {
      const axis = this.#axis(x);
      const count = Math.min(this.#one([1, 2]), x.dims[axis]!);
      const outputs = [this.#name(), this.#name()];
      const given = [x.name, this.#ints(count)];
      this.#nodes.push(node('TopK', given, outputs, { axis: int(this.#signed(axis, x.dims.length)) }));
      const name = this.#may() ? outputs[0]! : this.#float(outputs[1]!);
      this.#give(name, x.dims.with(axis, count));
    },
    transpose: (x) => {
      const perm = range(x.dims.length).sort(() => this.#random() - 0.5);
      this.#give(
        this.#put('Transpose', [x.name], { perm: list(perm) }),
        perm.map((axis) => x.dims[axis]!),
      );
    },
    reshape: (x) => {
      const dims = this.#factors(sizeOf(x.dims));
      const wanted: number[] = [...dims];
      for (const [i, dim] of dims.entries()) if (dim === x.dims[i] && this.#may(0.6)) wanted[i] = 0;
      const open = wanted.indexOf(rows) === -1 ? this.#below(dims.length) : wanted.indexOf(rows);
      if (this.#may(0.9)) wanted[open] = -1;
      this.#give(this.#put('Reshape', [x.name, this.#ints(...wanted)]), dims);
    },
    'reshape by its own dims': (x) => {
      const shape = this.#shapeOf(x);
      const first = this.#put('Gather', [shape, this.#ints(this.#axis(x))]);
      const [size, ...others] = this.#factors(sizeOf(x.dims));
      const rest = others.length > 0 ? this.#ints(...others) : undefined;
      const target = rest === undefined ? first : this.#put('Concat', [first, rest], { axis: int(0) });
      this.#give(this.#put('Reshape', [x.name, target]), [size!, ...others]);
    },
    flatten: (x) => {
      const axis = this.#below(x.dims.length + 1);
      const dims = [sizeOf(x.dims.slice(0, axis)), sizeOf(x.dims.slice(axis))];
      this.#give(this.#put('Flatten', [x.name], { axis: int(axis) }), dims);
    },
    unsqueeze: (x) => {
      const axis = this.#below(x.dims.length + 1);
      this.#give(this.#put('Unsqueeze', [x.name, this.#ints(axis)]), x.dims.toSpliced(axis, 0, 1));
    },
    squeeze: (x) => {
      const ones = range(x.dims.length).filter((axis) => x.dims[axis] === 1);
      if (this.#may(0.4)) {
        const dims = x.dims.filter((dim) => dim !== 1);
        this.#rankIsSure = false;
        this.#give(this.#put('Squeeze', [x.name]), dims);
      } else if (ones.length > 0) {
        const axis = this.#one(ones);
        this.#give(this.#put('Squeeze', [x.name, this.#ints(axis)]), x.dims.toSpliced(axis, 1));
      }
    },
    concat: (x) => {
      const axis = this.#axis(x);
      const like = this.#values.filter(
        ({ dims }) => dims.length === x.dims.length && dims.every((dim, i) => i === axis || dim === x.dims[i]),
      );
      const other = this.#may(0.7) ? this.#one(like) : this.#floats(...x.dims);
      const given = this.#may() ? [x.name, other.name] : [other.name, x.name];
      this.#give(this.#put('Concat', given, { axis: int(axis) }), x.dims.with(axis, x.dims[axis]! + other.dims[axis]!));
    },
    split: (x) => {
      const axis = this.#axis(x);
      if (x.dims[axis]! < 2) return;
      const outputs = [this.#name(), this.#name()];
      const sizes = [1, x.dims[axis]! - 1];
      const given = this.#may() ? [x.name, this.#ints(...sizes)] : [x.name];
      const half = Math.ceil(x.dims[axis]! / 2);
      const attributes: Record<string, Attribute> =
        given.length === 2 ? { axis: int(axis) } : { axis: int(axis), num_outputs: int(2) };
      this.#nodes.push(node('Split', given, outputs, attributes));
      this.#give(outputs[0]!, x.dims.with(axis, given.length === 2 ? 1 : half));
    },
    slice: (x) => {
      const axis = this.#axis(x);
      const start = this.#one([0, 0, 1, -1, -2]);
      const end = this.#one([1, 2, -1, 2 ** 31, 2 ** 40]);
      const by = this.#one([1, 1, 2]);
      const size = range(x.dims[axis]!)
        .slice(start, end)
        .filter((_, i) => i % by === 0).length;
      const given = [start, end, axis, by].map((number) => this.#ints(number));
      if (size > 0) this.#give(this.#put('Slice', [x.name, ...given]), x.dims.with(axis, size));
    },
    'turned around': (x) => {
      const axis = this.#axis(x);
      const given = [-1, -(2 ** 40), axis, -1].map((number) => this.#ints(number));
      this.#give(this.#put('Slice', [x.name, ...given]), x.dims);
    },
    pad: (x) => {
      const axis = this.#axis(x);
      const pads = [...range(x.dims.length), ...range(x.dims.length)].map((at) => (at === axis && this.#may() ? 1 : 0));
      const dims = x.dims.map((dim, at) => dim + pads[at]! + pads[at + x.dims.length]!);
      const mode: Attribute = { string: this.#one(['constant', 'edge', 'wrap']) };
      this.#give(this.#put('Pad', [x.name, this.#ints(...pads)], { mode }), dims);
    },
    tile: (x) => {
      const repeats = x.dims.map(() => this.#one([1, 1, 2]));
      const dims = x.dims.map((dim, i) => dim * repeats[i]!);
      this.#give(this.#put('Tile', [x.name, this.#ints(...repeats)]), dims);
    },
    expand: (x) => {
      const other = this.#beside(x);
      const target = this.#may() ? this.#shapeOf(other) : this.#ints(...other.dims);
      this.#give(this.#put('Expand', [x.name, target]), broadcast(x.dims, other.dims));
    },
    'filled by its dims': (x) => {
      const fill = initializer('fill', 'float32', [1], Float32Array.of(0.5));
      this.#give(this.#put('ConstantOfShape', [this.#shapeOf(x)], { value: { tensor: fill } }), x.dims);
    },
    'by how many there are': (x) => {
      const size = this.#put('Gather', [this.#shapeOf(x), this.#ints(this.#axis(x))]);
      const op = this.#one(['Mul', 'Div', 'Add']);
      this.#give(this.#put(op, [x.name, this.#float(size)]), x.dims);
    },
    'by its place': (x) => {
      const axis = this.#axis(x);
      const size = this.#put('Gather', [this.#shapeOf(x), this.#scalar(axis)]);
      const places = this.#float(this.#put('Range', [this.#scalar(0), size, this.#scalar(1)]));
      const others = range(x.dims.length).filter((at) => at !== axis);
      const column = others.length === 0 ? places : this.#put('Unsqueeze', [places, this.#ints(...others)]);
      this.#give(this.#put('Add', [x.name, column]), x.dims);
    },
    gather: (x) => {
      const axis = this.#axis(x);
      const places = this.#one([[0], [0, 0], [-1], range(x.dims[axis]!).reverse()]);
      const name = this.#put('Gather', [x.name, this.#ints(...places)], { axis: int(axis) });
      this.#give(name, x.dims.with(axis, places.length));
    },
    'one dropped': (x) => {
      const axis = this.#axis(x);
      const name = this.#put('Gather', [x.name, this.#scalar(this.#one([0, -1]))], { axis: int(axis) });
      this.#give(name, x.dims.toSpliced(axis, 1));
    },
    'looked up': (x) => {
      const at = this.#places(x);
      const table = this.#floats(3, 2);
      this.#give(this.#put('Gather', [table.name, at], { axis: int(0) }), [...x.dims, 2]);
    },
    'elements picked': (x) => {
      const axis = this.#axis(x);
      const other = this.#may() ? x : this.#floats(...x.dims.with(axis, 3));
      if (other.dims[axis]! < 3) return;
      const name = this.#put('GatherElements', [other.name, this.#places(x)], { axis: int(axis) });
      this.#give(name, x.dims);
    },
    'elements put': (x) => {
      const axis = this.#axis(x);
      if (x.dims[axis]! < 3) return;
      const updates = this.#may() ? x : this.#floats(...x.dims);
      const reduction: Attribute = { string: this.#one(['add', 'max']) };
      const given = [x.name, this.#places(x), updates.name];
      this.#give(this.#put('ScatterElements', given, { axis: int(axis), reduction }), x.dims);
    },
    'picked by tuples': (x) => {
      const size = Math.min(this.#one([1, 2]), x.dims.length);
      const count = this.#one([1, 2]);
      const places = this.#intsOf(
        [count, size],
        range(count * size).map(() => this.#one([0, -1])),
      );
      this.#give(this.#put('GatherND', [x.name, places]), [count, ...x.dims.slice(size)]);
    },
    'picked by tuples of each': (x) => {
      if (x.dims.length < 2) return;
      const batch = this.#below(x.dims.length - 1) + (this.#may(0.8) ? 1 : 0);
      if (batch >= x.dims.length || x.dims[batch]! < 3) return;
      const lead = x.dims.slice(0, batch);
      const kept = this.#may() || batch === 0 ? x : undefined;
      const source = kept ?? x;
      const reduced = this.#put('ReduceMax', [source.name, this.#ints(...range(x.dims.length).slice(batch))], {
        keepdims: int(0),
      });
      const tuples = this.#put('Unsqueeze', [this.#places({ name: reduced, dims: lead }), this.#ints(lead.length)]);
      const name = this.#put('GatherND', [x.name, tuples], { batch_dims: int(batch) });
      this.#give(name, [...lead, ...x.dims.slice(batch + 1)]);
    },
    'put by tuples': (x) => {
      const places = this.#intsOf([1, 1], [this.#one([0, -1])]);
      const updates = this.#floats(1, ...x.dims.slice(1));
      this.#give(this.#put('ScatterND', [x.name, places, updates.name]), x.dims);
    },
    'one hot': (x) => {
      const axis = this.#below(x.dims.length + 1);
      const values = initializer(this.#name(), 'float32', [2], Float32Array.of(0, 1));
      this.#initializers.push(values);
      const name = this.#put('OneHot', [this.#places(x), this.#scalar(3), values.name], { axis: int(axis) });
      this.#give(name, x.dims.toSpliced(axis, 0, 3));
    },
    compress: (x) => {
      const axis = this.#axis(x);
      const name = this.#name();
      this.#initializers.push(initializer(name, 'bool', [2], Uint8Array.of(1, this.#below(2))));
      const size = Math.min(x.dims[axis]!, 2);
      this.#give(this.#put('Compress', [x.name, name], { axis: int(axis) }), x.dims.with(axis, size));
    },
    'where they are not zero': (x) => {
      const places = this.#put('NonZero', [this.#put('Relu', [x.name])]);
      const first = this.#put('ReduceMax', [this.#float(places), this.#ints(1)], { keepdims: int(0) });
      const all = this.#put('ReduceSum', [first], { keepdims: int(0) });
      this.#give(this.#put('Add', [x.name, all]), x.dims);
    },
    triangle: (x) => {
      if (x.dims.length < 2) return;
      this.#give(this.#put('Trilu', [x.name], { upper: int(this.#below(2)) }), x.dims);
    },
    'the first ones reversed': (x) => {
      if (x.dims.length < 2) return;
      const batch = this.#below(2);
      const lengths = this.#ints(...range(x.dims[batch]!).map((i) => Math.min(1 + (i % 2), x.dims[1 - batch]!)));
      const attributes = { batch_axis: int(batch), time_axis: int(1 - batch) };
      this.#give(this.#put('ReverseSequence', [x.name, lengths], attributes), x.dims);
    },
    quantised: (x) => {
      const [q, s, z] = [this.#name(), this.#name(), this.#name()];
      if (this.#may()) {
        this.#nodes.push(node('DynamicQuantizeLinear', [x.name], [q, s, z]));
        return this.#give(this.#put('DequantizeLinear', [q, s, z]), x.dims);
      }
      const axis = this.#axis(x);
      const scale = this.#put('Abs', [this.#floats(this.#may() ? 1 : x.dims[axis]!).name]);
      const wide = this.#put('Add', [scale, this.#floats(1).name]);
      const safe = this.#put('Max', [wide, this.#put('Abs', [scale])]);
      const quantised = this.#put('QuantizeLinear', [x.name, safe], { axis: int(axis) });
      this.#give(this.#put('DequantizeLinear', [quantised, safe], { axis: int(axis) }), x.dims);
    },
    convolution: (x) => {
      if (x.dims.length !== 3) return;
      const filter = this.#floats(2, x.dims[1]!, 1);
      this.#give(this.#put('Conv', [x.name, filter.name]), x.dims.with(1, 2));
    },
    pooling: (x) => {
      if (x.dims.length !== 3) return;
      const op = this.#one(['AveragePool', 'MaxPool', 'GlobalAveragePool', 'GlobalMaxPool']);
      if (op.startsWith('Global')) return this.#give(this.#put(op, [x.name]), x.dims.with(2, 1));
      const attributes = { kernel_shape: list([2]), pads: list([1, 0]) };
      this.#give(this.#put(op, [x.name], attributes), x.dims);
    },
    recurrent: (x) => {
      if (x.dims.length !== 3 || !this.#rankIsSure) return;
      const [time, batch, size] = x.dims as [number, number, number];
      const outputs = [this.#name(), this.#name()];
      const weights = [this.#floats(1, 2, size).name, this.#floats(1, 2, 2).name];
      this.#nodes.push(node('RNN', [x.name, ...weights], outputs, { hidden_size: int(2) }));
      if (this.#may()) this.#give(outputs[0]!, [time, 1, batch, 2]);
      else this.#give(outputs[1]!, [1, batch, 2]);
    },
    resize: (x) => {
      const name = this.#name();
      const scales = x.dims.map((_, axis) => (axis > 0 && this.#may() ? 2 : 1));
      const attributes: Record<string, Attribute> = { mode: { string: 'nearest' } };
      const dims = x.dims.map((dim, axis) => dim * scales[axis]!);
      if (this.#may()) {
        this.#initializers.push(initializer(name, 'float32', [scales.length], Float32Array.from(scales)));
        return this.#give(this.#put('Resize', [x.name, '', name], attributes), dims);
      }
      const policy = this.#one(['stretch', 'stretch', 'not_larger', 'not_smaller']);
      if (policy !== 'stretch') attributes.keep_aspect_ratio_policy = { string: policy };
      const shape = this.#put('Mul', [this.#shapeOf(x), this.#ints(...scales)]);
      const wanted = policy === 'not_larger' || new Set(scales).size === 1 ? Math.min(...scales) : Math.max(...scales);
      const all = policy === 'stretch' ? dims : x.dims.map((dim) => dim * wanted);
      this.#give(this.#put('Resize', [x.name, '', '', shape], attributes), all);
    },
    'an If by what is in them': (x) => {
      const condition = this.#may()
        ? this.#put('Greater', [this.#put('ReduceMax', [x.name], { keepdims: int(0) }), this.#floats().name])
        : this.#put('Greater', [this.#put('Cast', [this.#put('Size', [x.name])], { to: int(1) }), this.#limit(40)]);
      const branch = (op: string): Attribute => ({
        graph: { inputs: [], outputs: [value('out', 'float32', null)], nodes: [node(op, [x.name], ['out'])] },
      });
      this.#give(this.#put('If', [condition], { then_branch: branch('Neg'), else_branch: branch('Tanh') }), x.dims);
    },
    loop: (x) => {
      const yes = this.#name();
      this.#initializers.push(initializer(yes, 'bool', [], Uint8Array.of(1)));
      const times = this.#may(0.7)
        ? this.#scalar(this.#one([0, 2]))
        : this.#put('Gather', [this.#shapeOf(x), this.#scalar(this.#axis(x))]);
      const axis = this.#scalar(this.#axis(x));
      const step = this.#one([
        node('Add', ['h', x.name], ['next']),
        node('Tanh', ['h'], ['next']),
        node('CumSum', ['h', axis], ['next']),
      ]);
      const graph: Graph = {
        inputs: [value('i', 'int64', []), value('go', 'bool', []), value('h', 'float32', null)],
        outputs: [value('on', 'bool', []), value('next', 'float32', null)],
        nodes: [node('Identity', ['go'], ['on']), step],
      };
      this.#give(this.#put('Loop', [times, yes, x.name], { body: { graph } }), x.dims);
    },
    scan: (x) => {
      if (x.dims.length < 2 || !this.#rankIsSure) return;
      const axis = this.#axis(x);
      const rest = x.dims.toSpliced(axis, 1);
      const start = this.#floats(...rest.map(() => 1));
      const full = this.#put('Expand', [start.name, this.#shapeOf({ name: this.#reduced(x, axis), dims: rest })]);
      const outputs = [this.#name(), this.#name()];
      const graph: Graph = {
        inputs: [
          value(
            'h',
            'float32',
            rest.map(() => null),
          ),
          value(
            'r',
            'float32',
            rest.map(() => null),
          ),
        ],
        outputs: [
          value(
            'next',
            'float32',
            rest.map(() => null),
          ),
          value(
            'out',
            'float32',
            rest.map(() => null),
          ),
        ],
        nodes: [node('Add', ['h', 'r'], ['next']), node('Identity', ['next'], ['out'])],
      };
      const attributes = {
        num_scan_inputs: int(1),
        scan_input_axes: list([axis]),
        scan_output_axes: list([axis]),
        body: { graph },
      };
      this.#nodes.push(node('Scan', [full, x.name], outputs, attributes));
      if (this.#may()) this.#give(outputs[0]!, rest);
      else this.#give(outputs[1]!, x.dims);
    },
    dropout: (x) => {
      const yes = this.#name();
      this.#initializers.push(initializer(yes, 'bool', [], Uint8Array.of(this.#below(2))));
      const half = this.#name();
      this.#initializers.push(initializer(half, 'float32', [], Float32Array.of(0.5)));
      this.#give(this.#put('Dropout', [x.name, half, yes]), x.dims);
    },
    // Operators without a rule: what they do is tried.
    unknown: (x) => {
      const like = this.#put('CastLike', [x.name, this.#floats(1).name]);
      this.#give(like, x.dims);
    },
    'unknown and centred': (x) => {
      const sizes = x.dims.map((dim) => (this.#may(0.7) ? dim : Math.max(1, dim - 1)));
      const isShape = this.#may();
      const target = isShape ? this.#shapeOf(x) : this.#ints(...sizes);
      const name = this.#put('CenterCropPad', [x.name, target]);
      this.#give(name, isShape ? x.dims : sizes);
    },
    'unknown product': (x) => {
      if (x.dims.length < 2) return;
      const isTurned = this.#may();
      const rank = x.dims.length;
      const other = isTurned ? this.#floats(x.dims.at(-2)!, 3) : this.#floats(x.dims.at(-1)!, 3);
      const attributes = { transA: int(isTurned ? 1 : 0), alpha: { float: 0.5 } };
      const m = x.dims.at(isTurned ? -1 : -2)!;
      const name = this.#put('FusedMatMul', [x.name, other.name], attributes, 'com.microsoft');
      this.#give(name, [...x.dims.slice(0, rank - 2), m, 3]);
    },
    'a sequence and back': (x) => {
      const axis = this.#axis(x);
      const parts = this.#put('SplitToSequence', [x.name], { axis: int(axis) });
      if (this.#may()) {
        const first = this.#put('SequenceAt', [parts, this.#scalar(this.#one([0, -1]))]);
        return this.#give(first, x.dims.with(axis, 1));
      }
      const back = this.#may() ? axis : this.#axis(x);
      if (back !== axis) return;
      this.#give(this.#put('ConcatFromSequence', [parts], { axis: int(back) }), x.dims);
    },
  };

  #limit(number: number): string {
    const name = this.#name();
    this.#initializers.push(initializer(name, 'float32', [], Float32Array.of(number)));
    return name;
  }

  #reduced(x: Made, axis: number): string {
    return this.#put('ReduceMax', [x.name, this.#ints(axis)], { keepdims: int(0) });
  }

  /** Integers from 0 to 2, by what is in it. */
  #places(x: Made): string {
    const positive = this.#put('Greater', [x.name, this.#limit(0)]);
    const large = this.#put('Greater', [x.name, this.#limit(0.7)]);
    const [a, b] = [positive, large].map((name) => this.#put('Cast', [name], { to: int(7) }));
    return this.#put('Add', [a!, b!]);
  }

  /** Of a number of elements, as dims in any order. */
  #factors(count: number): number[] {
    const dims: number[] = [];
    let rest = count;
    for (const prime of [5, 3, 2, 2, 2]) {
      if (rest % prime !== 0) continue;
      rest /= prime;
      if (dims.length > 0 && this.#may()) dims[dims.length - 1]! *= prime;
      else dims.push(prime);
    }
    if (rest > 1 || dims.length === 0) dims.push(rest);
    return this.#may(0.6) ? dims : dims.sort(() => this.#random() - 0.5);
  }
}

/** What nobody has a use for may still fail, for some numbers of rows. */
function neededFor(output: string, nodes: readonly Node[]): Node[] {
  const wanted = new Set([output]);
  const needed = nodes.toReversed().filter(({ outputs, ...rest }) => {
    if (!outputs.some((name) => wanted.has(name))) return false;
    for (const name of namesIn({ outputs, ...rest })) wanted.add(name);
    return true;
  });
  return needed.reverse();
}

function namesIn({ inputs, attributes }: Node): string[] {
  const inner = Object.values(attributes).flatMap((one) => ('graph' in one ? one.graph.nodes.flatMap(namesIn) : []));
  return [...inputs, ...inner];
}

function sameFrom(a: readonly number[], b: readonly number[]): boolean {
  return a.every((dim, i) => {
    const other = b[i + b.length - a.length];
    return other === undefined || dim === other || dim === 1 || other === 1;
  });
}

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return range(rank).map((i) => Math.max(a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1));
}
