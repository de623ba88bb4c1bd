// What draws random numbers, and operators without a rule: what those do is tried.

import { initializer } from '../../support/onnx-builder.js';
import { int, type Steps } from './making.js';

export const doubtful: Steps = {
  dropout: (g, x) => {
    const yes = g.name();
    g.initializers.push(initializer(yes, 'bool', [], Uint8Array.of(g.below(2))));
    const half = g.name();
    g.initializers.push(initializer(half, 'float32', [], Float32Array.of(0.5)));
    g.give(g.put('Dropout', [x.name, half, yes]), x.dims);
  },
  unknown: (g, x) => {
    const like = g.put('CastLike', [x.name, g.floats(1).name]);
    g.give(like, x.dims);
  },
  'unknown and centred': (g, x) => {
    const sizes = x.dims.map((dim) => (g.may(0.7) ? dim : Math.max(1, dim - 1)));
    const isShape = g.may();
    const target = isShape ? g.shapeOf(x) : g.ints(...sizes);
    const name = g.put('CenterCropPad', [x.name, target]);
    g.give(name, isShape ? x.dims : sizes);
  },
  'unknown product': (g, x) => {
    if (x.dims.length < 2) return;
    const isTurned = g.may();
    const rank = x.dims.length;
    const other = isTurned ? g.floats(x.dims.at(-2)!, 3) : g.floats(x.dims.at(-1)!, 3);
    const attributes = { transA: int(isTurned ? 1 : 0), alpha: { float: 0.5 } };
    const m = x.dims.at(isTurned ? -1 : -2)!;
    const name = g.put('FusedMatMul', [x.name, other.name], attributes, 'com.microsoft');
    g.give(name, [...x.dims.slice(0, rank - 2), m, 3]);
  },
  'a sequence and back': (g, x) => {
    const axis = g.axis(x);
    const parts = g.put('SplitToSequence', [x.name], { axis: int(axis) });
    if (g.may()) {
      const first = g.put('SequenceAt', [parts, g.scalar(g.one([0, -1]))]);
      return g.give(first, x.dims.with(axis, 1));
    }
    const back = g.may() ? axis : g.axis(x);
    if (back !== axis) return;
    g.give(g.put('ConcatFromSequence', [parts], { axis: int(back) }), x.dims);
  },
};
