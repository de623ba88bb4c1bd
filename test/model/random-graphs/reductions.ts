// What goes along an axis, or over some: softmax and sums, normalizations, reductions, the largest.

import { node } from '../../support/onnx-builder.js';
import { int, list, range, type Steps } from './making.js';

export const reductions: Steps = {
  'along an axis': (g, x) => {
    const axis = g.signed(g.axis(x), x.dims.length);
    const op = g.one(['Softmax', 'LogSoftmax', 'Hardmax', 'LpNormalization', 'CumSum', 'Mean variance']);
    if (op === 'CumSum') g.give(g.put(op, [x.name, g.scalar(axis)]), x.dims);
    else if (op === 'Mean variance') {
      const axes = list([axis < 0 ? axis + x.dims.length : axis]);
      g.give(g.put('MeanVarianceNormalization', [x.name], { axes }), x.dims);
    } else g.give(g.put(op, [x.name], { axis: int(axis) }), x.dims);
  },
  normalization: (g, x) => {
    const axis = g.axis(x);
    const scale = g.floats(...x.dims.slice(axis));
    const attributes = { axis: int(g.signed(axis, x.dims.length)) };
    g.give(g.put('LayerNormalization', [x.name, scale.name], attributes), x.dims);
  },
  'normalization of channels': (g, x) => {
    if (x.dims.length < 3) return;
    const own = () => g.floats(x.dims[1]!).name;
    if (g.may()) return g.give(g.put('InstanceNormalization', [x.name, own(), own()]), x.dims);
    const variance = g.put('Abs', [own()]);
    const given = [x.name, own(), own(), own(), variance];
    if (g.may(0.7)) return g.give(g.put('BatchNormalization', given), x.dims);
    const outputs = [g.name(), g.name(), g.name()];
    g.nodes.push(node('BatchNormalization', given, outputs, { training_mode: int(1) }));
    g.give(outputs[0]!, x.dims);
  },
  reduction: (g, x) => {
    const op = g.one(['ReduceMean', 'ReduceMax', 'ReduceSum', 'ReduceL2', 'ReduceMin', 'ArgMax']);
    const keep = g.may();
    const axes = range(x.dims.length).filter(() => g.may(0.4));
    if (op === 'ArgMax') axes.splice(0, axes.length, g.axis(x));
    const goes = (axis: number) => axes.length === 0 || axes.includes(axis);
    const dims = x.dims.flatMap((dim, axis) => (!goes(axis) ? [dim] : keep ? [1] : []));
    const signed = axes.map((axis) => g.signed(axis, x.dims.length));
    const keepdims = int(keep ? 1 : 0);
    const made =
      op === 'ArgMax'
        ? g.float(g.put(op, [x.name], { axis: int(signed[0]!), keepdims }))
        : g.put(op, axes.length === 0 ? [x.name] : [x.name, g.ints(...signed)], { keepdims });
    g.give(made, dims);
    const { name } = g.values.at(-1)!;
    if (name === made && keep && g.may()) g.give(g.put('Sub', [x.name, made]), x.dims);
  },
  'the largest': (g, x) => {
    const axis = g.axis(x);
    const count = Math.min(g.one([1, 2]), x.dims[axis]!);
    const outputs = [g.name(), g.name()];
    const given = [x.name, g.ints(count)];
    g.nodes.push(node('TopK', given, outputs, { axis: int(g.signed(axis, x.dims.length)) }));
    const name = g.may() ? outputs[0]! : g.float(outputs[1]!);
    g.give(name, x.dims.with(axis, count));
  },
};
