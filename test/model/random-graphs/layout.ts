// The same elements in another layout: turned, reshaped, joined, cut, padded, repeated.

import { type Attribute, node } from '../../support/onnx-builder.js';
import { broadcast, int, list, range, rows, type Steps, sizeOf } from './making.js';

export const layout: Steps = {
  transpose: (g, x) => {
    const perm = range(x.dims.length).sort(() => g.random() - 0.5);
    g.give(
      g.put('Transpose', [x.name], { perm: list(perm) }),
      perm.map((axis) => x.dims[axis]!),
    );
  },
  reshape: (g, x) => {
    const dims = g.factors(sizeOf(x.dims));
    const wanted: number[] = [...dims];
    for (const [i, dim] of dims.entries()) if (dim === x.dims[i] && g.may(0.6)) wanted[i] = 0;
    const open = wanted.indexOf(rows) === -1 ? g.below(dims.length) : wanted.indexOf(rows);
    if (g.may(0.9)) wanted[open] = -1;
    g.give(g.put('Reshape', [x.name, g.ints(...wanted)]), dims);
  },
  'reshape by its own dims': (g, x) => {
    const shape = g.shapeOf(x);
    const first = g.put('Gather', [shape, g.ints(g.axis(x))]);
    const [size, ...others] = g.factors(sizeOf(x.dims));
    const rest = others.length > 0 ? g.ints(...others) : undefined;
    const target = rest === undefined ? first : g.put('Concat', [first, rest], { axis: int(0) });
    g.give(g.put('Reshape', [x.name, target]), [size!, ...others]);
  },
  flatten: (g, x) => {
    const axis = g.below(x.dims.length + 1);
    const dims = [sizeOf(x.dims.slice(0, axis)), sizeOf(x.dims.slice(axis))];
    g.give(g.put('Flatten', [x.name], { axis: int(axis) }), dims);
  },
  unsqueeze: (g, x) => {
    const axis = g.below(x.dims.length + 1);
    g.give(g.put('Unsqueeze', [x.name, g.ints(axis)]), x.dims.toSpliced(axis, 0, 1));
  },
  squeeze: (g, x) => {
    const ones = range(x.dims.length).filter((axis) => x.dims[axis] === 1);
    if (g.may(0.4)) {
      const dims = x.dims.filter((dim) => dim !== 1);
      g.rankIsSure = false;
      g.give(g.put('Squeeze', [x.name]), dims);
    } else if (ones.length > 0) {
      const axis = g.one(ones);
      g.give(g.put('Squeeze', [x.name, g.ints(axis)]), x.dims.toSpliced(axis, 1));
    }
  },
  concat: (g, x) => {
    const axis = g.axis(x);
    const like = g.values.filter(
      ({ dims }) => dims.length === x.dims.length && dims.every((dim, i) => i === axis || dim === x.dims[i]),
    );
    const other = g.may(0.7) ? g.one(like) : g.floats(...x.dims);
    const given = g.may() ? [x.name, other.name] : [other.name, x.name];
    g.give(g.put('Concat', given, { axis: int(axis) }), x.dims.with(axis, x.dims[axis]! + other.dims[axis]!));
  },
  split: (g, x) => {
    const axis = g.axis(x);
    if (x.dims[axis]! < 2) return;
    const outputs = [g.name(), g.name()];
    const sizes = [1, x.dims[axis]! - 1];
    const given = g.may() ? [x.name, g.ints(...sizes)] : [x.name];
    const half = Math.ceil(x.dims[axis]! / 2);
    const attributes: Record<string, Attribute> =
      given.length === 2 ? { axis: int(axis) } : { axis: int(axis), num_outputs: int(2) };
    g.nodes.push(node('Split', given, outputs, attributes));
    g.give(outputs[0]!, x.dims.with(axis, given.length === 2 ? 1 : half));
  },
  slice: (g, x) => {
    const axis = g.axis(x);
    const start = g.one([0, 0, 1, -1, -2]);
    const end = g.one([1, 2, -1, 2 ** 31, 2 ** 40]);
    const by = g.one([1, 1, 2]);
    const size = range(x.dims[axis]!)
      .slice(start, end)
      .filter((_, i) => i % by === 0).length;
    const given = [start, end, axis, by].map((number) => g.ints(number));
    if (size > 0) g.give(g.put('Slice', [x.name, ...given]), x.dims.with(axis, size));
  },
  'turned around': (g, x) => {
    const axis = g.axis(x);
    const given = [-1, -(2 ** 40), axis, -1].map((number) => g.ints(number));
    g.give(g.put('Slice', [x.name, ...given]), x.dims);
  },
  pad: (g, x) => {
    const axis = g.axis(x);
    const pads = [...range(x.dims.length), ...range(x.dims.length)].map((at) => (at === axis && g.may() ? 1 : 0));
    const dims = x.dims.map((dim, at) => dim + pads[at]! + pads[at + x.dims.length]!);
    const mode: Attribute = { string: g.one(['constant', 'edge', 'wrap']) };
    g.give(g.put('Pad', [x.name, g.ints(...pads)], { mode }), dims);
  },
  tile: (g, x) => {
    const repeats = x.dims.map(() => g.one([1, 1, 2]));
    const dims = x.dims.map((dim, i) => dim * repeats[i]!);
    g.give(g.put('Tile', [x.name, g.ints(...repeats)]), dims);
  },
  expand: (g, x) => {
    const other = g.beside(x);
    const target = g.may() ? g.shapeOf(other) : g.ints(...other.dims);
    g.give(g.put('Expand', [x.name, target]), broadcast(x.dims, other.dims));
  },
};
