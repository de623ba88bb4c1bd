// Models of kinds that no installed package brings, built in small. The input is `x`, the output `y`, both float32, 'N' the batch.

import { initializer, ints, model, node, randomFloats, value } from '../test/support/onnx-builder.js';

const weights = (name: string, dims: readonly number[], seed: number, fanIn: number) => {
  const length = dims.reduce((product, dim) => product * dim, 1);
  return initializer(name, 'float32', dims, randomFloats(length, seed, Math.sqrt(3 / fanIn)));
};

/** One LSTM over ['N', steps, features] and a dense layer over its last state: steps that wait for each other. */
export function lstm({ steps = 24, features = 32, hidden = 128 } = {}): Uint8Array {
  const gates = 4 * hidden;
  return model({
    inputs: [value('x', 'float32', ['N', steps, features])],
    outputs: [value('y', 'float32', ['N', 8])],
    nodes: [
      // ONNX has the time before the batch.
      node('Transpose', ['x'], ['turned'], { perm: { ints: [1, 0, 2] } }),
      node('LSTM', ['turned', 'w', 'r'], ['', 'last'], { hidden_size: { int: hidden } }),
      node('Squeeze', ['last', 'axis'], ['state']),
      node('MatMul', ['state', 'out'], ['y']),
    ],
    initializers: [
      weights('w', [1, gates, features], 11, features),
      weights('r', [1, gates, hidden], 12, hidden),
      weights('out', [hidden, 8], 13, hidden),
      ints('axis', 0),
    ],
  });
}

/** Transformer layers over ['N', length, width]: attention of one head and two dense layers each. */
export function attention({ layers = 2, length = 32, width = 128 } = {}): Uint8Array {
  const nodes: ReturnType<typeof node>[] = [];
  const initializers: ReturnType<typeof initializer>[] = [
    initializer('scale', 'float32', [], Float32Array.of(1 / Math.sqrt(width))),
    initializer('ones', 'float32', [width], new Float32Array(width).fill(1)),
  ];
  const matrix = (name: string, rows: number, columns: number) => {
    initializers.push(weights(name, [rows, columns], 100 + initializers.length, rows));
    return name;
  };
  for (let layer = 0; layer < layers; layer++) {
    const own = (name: string) => `${name}${layer}`;
    const input = layer === 0 ? 'x' : `out${layer - 1}`;
    const output = layer === layers - 1 ? 'y' : own('out');
    for (const name of ['q', 'k', 'v'])
      nodes.push(node('MatMul', [input, matrix(own(`w${name}`), width, width)], [own(name)]));
    nodes.push(
      node('Transpose', [own('k')], [own('kt')], { perm: { ints: [0, 2, 1] } }),
      node('MatMul', [own('q'), own('kt')], [own('raw')]),
      node('Mul', [own('raw'), 'scale'], [own('scores')]),
      node('Softmax', [own('scores')], [own('shares')], { axis: { int: -1 } }),
      node('MatMul', [own('shares'), own('v')], [own('seen')]),
      node('Add', [input, own('seen')], [own('sum')]),
      node('LayerNormalization', [own('sum'), 'ones'], [own('normal')], { axis: { int: -1 } }),
      node('MatMul', [own('normal'), matrix(own('up'), width, 4 * width)], [own('wide')]),
      node('Relu', [own('wide')], [own('relu')]),
      node('MatMul', [own('relu'), matrix(own('down'), 4 * width, width)], [own('narrow')]),
      node('Add', [own('normal'), own('narrow')], [output]),
    );
  }
  const dims = ['N', length, width];
  return model({ inputs: [value('x', 'float32', dims)], outputs: [value('y', 'float32', dims)], nodes, initializers });
}

/** The mean of each colour of pictures, ['N', 3, side, side]: next to no work, and much to be sent. */
export function colours({ side = 224 } = {}): Uint8Array {
  return model({
    inputs: [value('x', 'float32', ['N', 3, side, side])],
    outputs: [value('y', 'float32', ['N', 3, 1, 1])],
    nodes: [node('GlobalAveragePool', ['x'], ['y'])],
  });
}
