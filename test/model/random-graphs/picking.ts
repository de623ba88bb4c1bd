// Elements picked, and put, by indices; those of a kind; parts in another order.

import { type Attribute, initializer } from '../../support/onnx-builder.js';
import { int, range, type Steps } from './making.js';

export const picking: Steps = {
  gather: (g, x) => {
    const axis = g.axis(x);
    const places = g.one([[0], [0, 0], [-1], range(x.dims[axis]!).reverse()]);
    const name = g.put('Gather', [x.name, g.ints(...places)], { axis: int(axis) });
    g.give(name, x.dims.with(axis, places.length));
  },
  'one dropped': (g, x) => {
    const axis = g.axis(x);
    const name = g.put('Gather', [x.name, g.scalar(g.one([0, -1]))], { axis: int(axis) });
    g.give(name, x.dims.toSpliced(axis, 1));
  },
  'looked up': (g, x) => {
    const at = g.places(x);
    const table = g.floats(3, 2);
    g.give(g.put('Gather', [table.name, at], { axis: int(0) }), [...x.dims, 2]);
  },
  'elements picked': (g, x) => {
    const axis = g.axis(x);
    const other = g.may() ? x : g.floats(...x.dims.with(axis, 3));
    if (other.dims[axis]! < 3) return;
    const name = g.put('GatherElements', [other.name, g.places(x)], { axis: int(axis) });
    g.give(name, x.dims);
  },
  'elements put': (g, x) => {
    const axis = g.axis(x);
    if (x.dims[axis]! < 3) return;
    const updates = g.may() ? x : g.floats(...x.dims);
    const reduction: Attribute = { string: g.one(['add', 'max']) };
    const given = [x.name, g.places(x), updates.name];
    g.give(g.put('ScatterElements', given, { axis: int(axis), reduction }), x.dims);
  },
  'picked by tuples': (g, x) => {
    const size = Math.min(g.one([1, 2]), x.dims.length);
    const count = g.one([1, 2]);
    const places = g.intsOf(
      [count, size],
      range(count * size).map(() => g.one([0, -1])),
    );
    g.give(g.put('GatherND', [x.name, places]), [count, ...x.dims.slice(size)]);
  },
  'picked by tuples of each': (g, x) => {
    if (x.dims.length < 2) return;
    const batch = g.below(x.dims.length - 1) + (g.may(0.8) ? 1 : 0);
    if (batch >= x.dims.length || x.dims[batch]! < 3) return;
    const lead = x.dims.slice(0, batch);
    const kept = g.may() || batch === 0 ? x : undefined;
    const source = kept ?? x;
    const reduced = g.put('ReduceMax', [source.name, g.ints(...range(x.dims.length).slice(batch))], {
      keepdims: int(0),
    });
    const tuples = g.put('Unsqueeze', [g.places({ name: reduced, dims: lead }), g.ints(lead.length)]);
    const name = g.put('GatherND', [x.name, tuples], { batch_dims: int(batch) });
    g.give(name, [...lead, ...x.dims.slice(batch + 1)]);
  },
  'put by tuples': (g, x) => {
    const places = g.intsOf([1, 1], [g.one([0, -1])]);
    const updates = g.floats(1, ...x.dims.slice(1));
    g.give(g.put('ScatterND', [x.name, places, updates.name]), x.dims);
  },
  'one hot': (g, x) => {
    const axis = g.below(x.dims.length + 1);
    const values = initializer(g.name(), 'float32', [2], Float32Array.of(0, 1));
    g.initializers.push(values);
    const name = g.put('OneHot', [g.places(x), g.scalar(3), values.name], { axis: int(axis) });
    g.give(name, x.dims.toSpliced(axis, 0, 3));
  },
  compress: (g, x) => {
    const axis = g.axis(x);
    const name = g.name();
    g.initializers.push(initializer(name, 'bool', [2], Uint8Array.of(1, g.below(2))));
    const size = Math.min(x.dims[axis]!, 2);
    g.give(g.put('Compress', [x.name, name], { axis: int(axis) }), x.dims.with(axis, size));
  },
  'where they are not zero': (g, x) => {
    const places = g.put('NonZero', [g.put('Relu', [x.name])]);
    const first = g.put('ReduceMax', [g.float(places), g.ints(1)], { keepdims: int(0) });
    const all = g.put('ReduceSum', [first], { keepdims: int(0) });
    g.give(g.put('Add', [x.name, all]), x.dims);
  },
  triangle: (g, x) => {
    if (x.dims.length < 2) return;
    g.give(g.put('Trilu', [x.name], { upper: int(g.below(2)) }), x.dims);
  },
  'the first ones reversed': (g, x) => {
    if (x.dims.length < 2) return;
    const batch = g.below(2);
    const lengths = g.ints(...range(x.dims[batch]!).map((i) => Math.min(1 + (i % 2), x.dims[1 - batch]!)));
    const attributes = { batch_axis: int(batch), time_axis: int(1 - batch) };
    g.give(g.put('ReverseSequence', [x.name, lengths], attributes), x.dims);
  },
};
