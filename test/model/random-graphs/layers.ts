// What layers of networks do: quantisation, convolutions, pooling, recurrence, resizing.

import { type Attribute, initializer, node } from '../../support/onnx-builder.js';
import { int, list, type Steps } from './making.js';

export const layers: Steps = {
  quantised: (g, x) => {
    const [q, s, z] = [g.name(), g.name(), g.name()];
    if (g.may()) {
      g.nodes.push(node('DynamicQuantizeLinear', [x.name], [q, s, z]));
      return g.give(g.put('DequantizeLinear', [q, s, z]), x.dims);
    }
    const axis = g.axis(x);
    const scale = g.put('Abs', [g.floats(g.may() ? 1 : x.dims[axis]!).name]);
    const wide = g.put('Add', [scale, g.floats(1).name]);
    const safe = g.put('Max', [wide, g.put('Abs', [scale])]);
    const quantised = g.put('QuantizeLinear', [x.name, safe], { axis: int(axis) });
    g.give(g.put('DequantizeLinear', [quantised, safe], { axis: int(axis) }), x.dims);
  },
  convolution: (g, x) => {
    if (x.dims.length !== 3) return;
    const filter = g.floats(2, x.dims[1]!, 1);
    g.give(g.put('Conv', [x.name, filter.name]), x.dims.with(1, 2));
  },
  pooling: (g, x) => {
    if (x.dims.length !== 3) return;
    const op = g.one(['AveragePool', 'MaxPool', 'GlobalAveragePool', 'GlobalMaxPool']);
    if (op.startsWith('Global')) return g.give(g.put(op, [x.name]), x.dims.with(2, 1));
    const attributes = { kernel_shape: list([2]), pads: list([1, 0]) };
    g.give(g.put(op, [x.name], attributes), x.dims);
  },
  recurrent: (g, x) => {
    if (x.dims.length !== 3 || !g.rankIsSure) return;
    const [time, batch, size] = x.dims as [number, number, number];
    const outputs = [g.name(), g.name()];
    const weights = [g.floats(1, 2, size).name, g.floats(1, 2, 2).name];
    g.nodes.push(node('RNN', [x.name, ...weights], outputs, { hidden_size: int(2) }));
    if (g.may()) g.give(outputs[0]!, [time, 1, batch, 2]);
    else g.give(outputs[1]!, [1, batch, 2]);
  },
  resize: (g, x) => {
    const name = g.name();
    const scales = x.dims.map((_, axis) => (axis > 0 && g.may() ? 2 : 1));
    const attributes: Record<string, Attribute> = { mode: { string: 'nearest' } };
    const dims = x.dims.map((dim, axis) => dim * scales[axis]!);
    if (g.may()) {
      g.initializers.push(initializer(name, 'float32', [scales.length], Float32Array.from(scales)));
      return g.give(g.put('Resize', [x.name, '', name], attributes), dims);
    }
    const policy = g.one(['stretch', 'stretch', 'not_larger', 'not_smaller']);
    if (policy !== 'stretch') attributes.keep_aspect_ratio_policy = { string: policy };
    const shape = g.put('Mul', [g.shapeOf(x), g.ints(...scales)]);
    const wanted = policy === 'not_larger' || new Set(scales).size === 1 ? Math.min(...scales) : Math.max(...scales);
    const all = policy === 'stretch' ? dims : x.dims.map((dim) => dim * wanted);
    g.give(g.put('Resize', [x.name, '', '', shape], attributes), all);
  },
};
