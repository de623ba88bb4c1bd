// What comes of a value's dims, or of an element's place.

import { initializer } from '../../support/onnx-builder.js';
import { range, type Steps } from './making.js';

export const dims: Steps = {
  'filled by its dims': (g, x) => {
    const fill = initializer('fill', 'float32', [1], Float32Array.of(0.5));
    g.give(g.put('ConstantOfShape', [g.shapeOf(x)], { value: { tensor: fill } }), x.dims);
  },
  'by how many there are': (g, x) => {
    const size = g.put('Gather', [g.shapeOf(x), g.ints(g.axis(x))]);
    const op = g.one(['Mul', 'Div', 'Add']);
    g.give(g.put(op, [x.name, g.float(size)]), x.dims);
  },
  'by its place': (g, x) => {
    const axis = g.axis(x);
    const size = g.put('Gather', [g.shapeOf(x), g.scalar(axis)]);
    const places = g.float(g.put('Range', [g.scalar(0), size, g.scalar(1)]));
    const others = range(x.dims.length).filter((at) => at !== axis);
    const column = others.length === 0 ? places : g.put('Unsqueeze', [places, g.ints(...others)]);
    g.give(g.put('Add', [x.name, column]), x.dims);
  },
};
