// Graphs within the graph: a branch, a loop, a scan.

import { type Attribute, type Graph, initializer, node, value } from '../../support/onnx-builder.js';
import { int, list, type Steps } from './making.js';

export const control: Steps = {
  'an If by what is in them': (g, x) => {
    const condition = g.may()
      ? g.put('Greater', [g.put('ReduceMax', [x.name], { keepdims: int(0) }), g.floats().name])
      : g.put('Greater', [g.put('Cast', [g.put('Size', [x.name])], { to: int(1) }), g.limit(40)]);
    const branch = (op: string): Attribute => ({
      graph: { inputs: [], outputs: [value('out', 'float32', null)], nodes: [node(op, [x.name], ['out'])] },
    });
    g.give(g.put('If', [condition], { then_branch: branch('Neg'), else_branch: branch('Tanh') }), x.dims);
  },
  loop: (g, x) => {
    const yes = g.name();
    g.initializers.push(initializer(yes, 'bool', [], Uint8Array.of(1)));
    const times = g.may(0.7) ? g.scalar(g.one([0, 2])) : g.put('Gather', [g.shapeOf(x), g.scalar(g.axis(x))]);
    const axis = g.scalar(g.axis(x));
    const step = g.one([
      node('Add', ['h', x.name], ['next']),
      node('Tanh', ['h'], ['next']),
      node('CumSum', ['h', axis], ['next']),
    ]);
    const graph: Graph = {
      inputs: [value('i', 'int64', []), value('go', 'bool', []), value('h', 'float32', null)],
      outputs: [value('on', 'bool', []), value('next', 'float32', null)],
      nodes: [node('Identity', ['go'], ['on']), step],
    };
    g.give(g.put('Loop', [times, yes, x.name], { body: { graph } }), x.dims);
  },
  scan: (g, x) => {
    if (x.dims.length < 2 || !g.rankIsSure) return;
    const axis = g.axis(x);
    const rest = x.dims.toSpliced(axis, 1);
    const start = g.floats(...rest.map(() => 1));
    const full = g.put('Expand', [start.name, g.shapeOf({ name: g.reduced(x, axis), dims: rest })]);
    const outputs = [g.name(), g.name()];
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
    g.nodes.push(node('Scan', [full, x.name], outputs, attributes));
    if (g.may()) g.give(outputs[0]!, rest);
    else g.give(outputs[1]!, x.dims);
  },
};
