// Builds ONNX models in memory, so that tests and benchmarks need no model files: ready-made ones, each the smallest graph that shows
// one behaviour, and what they are made of. Unless said otherwise the input is `x`, the output `y`, both float32, and 'N' is the batch.

import {
  type Dim,
  ELEMENT_TYPES,
  type ElementType,
  type Graph,
  type Initializer,
  initializer,
  type ModelOptions,
  model,
  type Node,
  node,
  randomFloats,
  value,
} from './onnx-graph.js';

export * from './onnx-graph.js';

/** y = x, for any type (ONNX Runtime refuses to load the complex ones). Those of 2 bits are there since opset 25, with IR 13. */
export function identity(type: ElementType, dims: readonly Dim[], options?: ModelOptions): Uint8Array {
  // ONNX Runtime has no Identity for packed types, but its Transpose takes them; this one leaves every axis in place.
  const copy = /int[24]$/.test(type)
    ? node('Transpose', ['x'], ['y'], { perm: { ints: dims.map((_, axis) => axis) } })
    : node('Identity', ['x'], ['y']);
  return model({ inputs: [value('x', type, dims)], outputs: [value('y', type, dims)], nodes: [copy] }, options);
}

/** float32 images [N, 3, height, width] to the logits of classes, and the means of channels. */
export function imageClassifier({ classes = 7, sides = [4, 6] as readonly Dim[] } = {}): Uint8Array {
  return model({
    inputs: [value('image', 'float32', ['N', 3, ...sides])],
    outputs: [value('logits', 'float32', ['N', classes]), value('mean', 'float32', ['N', 3, 1, 1])],
    nodes: [
      node('GlobalAveragePool', ['image'], ['mean']),
      node('Flatten', ['mean'], ['flat']),
      node('Gemm', ['flat', 'w', 'b'], ['logits']),
    ],
    initializers: [
      initializer('w', 'float32', [3, classes], randomFloats(3 * classes, 5, 9)),
      initializer('b', 'float32', [classes], randomFloats(classes, 6)),
    ],
  });
}

/** y = x * x, over ['N', features]. Next to no work: it measures what surrounds a model. */
export function square({ features = 16 } = {}): Uint8Array {
  return squareOver(['N', features]);
}

/** y = x * x over [1, features]: a model whose batch dimension is not free. */
export function fixedBatch({ batch = 1, features = 4 } = {}): Uint8Array {
  return squareOver([batch, features]);
}

function squareOver(dims: readonly Dim[]): Uint8Array {
  return model({
    inputs: [value('x', 'float32', dims)],
    outputs: [value('y', 'float32', dims)],
    nodes: [node('Mul', ['x', 'x'], ['y'])],
  });
}

/** c = a + b over ['N', features]: two inputs. */
export function add({ features = 4 } = {}): Uint8Array {
  const dims = ['N', features];
  return model({
    inputs: [value('a', 'float32', dims), value('b', 'float32', dims)],
    outputs: [value('c', 'float32', dims)],
    nodes: [node('Add', ['a', 'b'], ['c'])],
  });
}

/** Dense layers of width x width (4 bytes each weight), with ReLU: 4 of 2048 are 67 MB and bound by reading them. */
export function dense({ layers = 4, width = 2048, seed = 1 } = {}): Uint8Array {
  // He's bound keeps the size of activations the same from layer to layer.
  const bound = Math.sqrt(6 / width);
  const nodes: Node[] = [];
  const initializers: Initializer[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const input = layer === 0 ? 'x' : `relu${layer - 1}`;
    const output = layer === layers - 1 ? 'y' : `relu${layer}`;
    const weights = randomFloats(width * width, seed * 1000 + 2 * layer, bound);
    const bias = randomFloats(width, seed * 1000 + 2 * layer + 1, 0.1);
    initializers.push(
      initializer(`w${layer}`, 'float32', [width, width], weights),
      initializer(`b${layer}`, 'float32', [width], bias),
    );
    nodes.push(
      node('Gemm', [input, `w${layer}`, `b${layer}`], [`gemm${layer}`]),
      node('Relu', [`gemm${layer}`], [output]),
    );
  }
  return model({
    inputs: [value('x', 'float32', ['N', width])],
    outputs: [value('y', 'float32', ['N', width])],
    nodes,
    initializers,
  });
}

/**
 * y = x W with x: ['N', 'K'] and W: [inner, outer] of ones, so each y is the row's sum. 'K' is declared free: a row of
 * another length passes every check against the declaration and fails inside ONNX Runtime, during the run.
 */
export function matmul({ inner = 4, outer = 3 } = {}): Uint8Array {
  return model({
    inputs: [value('x', 'float32', ['N', 'K'])],
    outputs: [value('y', 'float32', ['N', outer])],
    nodes: [node('MatMul', ['x', 'w'], ['y'])],
    initializers: [initializer('w', 'float32', [inner, outer], new Float32Array(inner * outer).fill(1))],
  });
}

/** y = a b with every dimension free: b's leading dimension is no batch. */
export function matmulPair(): Uint8Array {
  return model({
    inputs: [value('a', 'float32', ['N', null]), value('b', 'float32', [null, 'M'])],
    outputs: [value('y', 'float32', ['N', 'M'])],
    nodes: [node('MatMul', ['a', 'b'], ['y'])],
  });
}

/**
 * y = table[index] with index: int64 ['N', 1], y: ['N', 1, features], table[i] = [i, i, ...]. An index outside the
 * table fails the whole run: one bad request among good ones.
 */
export function lookup({ rows = 10, features = 2 } = {}): Uint8Array {
  const table = Float32Array.from({ length: rows * features }, (_, i) => Math.floor(i / features));
  return model({
    inputs: [value('index', 'int64', ['N', 1])],
    outputs: [value('y', 'float32', ['N', 1, features])],
    nodes: [node('Gather', ['table', 'index'], ['y'], { axis: { int: 0 } })],
    initializers: [initializer('table', 'float32', [rows, features], table)],
  });
}

/**
 * A model that takes its time: `iterations` rounds of tanh(x W) over ['N', width]. The time is proportional to
 * `iterations`: 200 of them take about a millisecond for one row of 256 on a current core, three times that for eight.
 */
export function slow({ iterations = 1000, width = 256, seed = 7 } = {}): Uint8Array {
  const dims = ['N', width];
  const body: Graph = {
    name: 'body',
    inputs: [value('i', 'int64', []), value('going', 'bool', []), value('h', 'float32', dims)],
    outputs: [value('goOn', 'bool', []), value('next', 'float32', dims)],
    nodes: [
      node('Identity', ['going'], ['goOn']),
      node('MatMul', ['h', 'w'], ['product']),
      node('Tanh', ['product'], ['next']),
    ],
  };
  const weights = randomFloats(width * width, seed, Math.sqrt(6 / width));
  return model({
    inputs: [value('x', 'float32', dims)],
    outputs: [value('y', 'float32', dims)],
    nodes: [node('Loop', ['iterations', '', 'x'], ['y'], { body: { graph: body } })],
    initializers: [
      initializer('iterations', 'int64', [], BigInt64Array.of(BigInt(iterations))),
      initializer('w', 'float32', [width, width], weights),
    ],
  });
}

/** Two outputs of different shapes: `doubled` = 2x over ['N', features], `total` = each row's sum over ['N', 1]. */
export function twoOutputs({ features = 4 } = {}): Uint8Array {
  return model({
    inputs: [value('x', 'float32', ['N', features])],
    outputs: [value('doubled', 'float32', ['N', features]), value('total', 'float32', ['N', 1])],
    nodes: [
      node('Add', ['x', 'x'], ['doubled']),
      node('ReduceSum', ['x', 'axes'], ['total'], { keepdims: { int: 1 } }),
    ],
    initializers: [initializer('axes', 'int64', [1], BigInt64Array.of(1n))],
  });
}

/** Strings through unchanged, over ['N', features]. */
export function strings({ features = 1 } = {}): Uint8Array {
  return identity('string', ['N', features]);
}

/** Strings to upper case, over [1, 'C'] (all that ONNX's StringNormalizer allows besides ['C']). */
export function upperCase(): Uint8Array {
  return model({
    inputs: [value('x', 'string', [1, 'C'])],
    outputs: [value('y', 'string', [1, 'C'])],
    nodes: [
      node('StringNormalizer', ['x'], ['y'], { case_change_action: { string: 'UPPER' }, locale: { string: 'C' } }),
    ],
  });
}

/**
 * y = the rows of x whose sum is positive: y's leading dimension is free but is not the batch, so rows of y cannot be
 * given back to the callers they came from.
 */
export function crossRow({ features = 4 } = {}): Uint8Array {
  return model({
    inputs: [value('x', 'float32', ['N', features])],
    outputs: [value('y', 'float32', ['kept', features])],
    nodes: [
      node('ReduceSum', ['x', 'axes'], ['sums'], { keepdims: { int: 0 } }),
      node('Greater', ['sums', 'zero'], ['positive']),
      node('Compress', ['x', 'positive'], ['y'], { axis: { int: 0 } }),
    ],
    initializers: [
      initializer('axes', 'int64', [1], BigInt64Array.of(1n)),
      initializer('zero', 'float32', [], Float32Array.of(0)),
    ],
  });
}

/**
 * y = x * k, and next = state + the sums of x's rows as [layers, N, width]: the state's batch is on axis 1, and k: [], float32,
 * is not of the batch. A recurrent model in small.
 */
export function recurrent({ layers = 2, width = 3, features = 4 } = {}): Uint8Array {
  const state = [layers, 'N', width];
  return model({
    inputs: [value('x', 'float32', ['N', features]), value('state', 'float32', state), value('k', 'float32', [])],
    outputs: [value('y', 'float32', ['N', features]), value('next', 'float32', state)],
    nodes: [
      node('Mul', ['x', 'k'], ['y']),
      node('ReduceSum', ['x', 'axes'], ['sums'], { keepdims: { int: 1 } }),
      node('Add', ['state', 'sums'], ['next']),
    ],
    initializers: [initializer('axes', 'int64', [1], BigInt64Array.of(1n))],
  });
}

/**
 * Rows of different lengths, with features: `sums` ['N', features] = the sums over the positions that the mask has a 1 for,
 * `y` ['N', 'L', features] = x + 1, `ones` ['N'] = how many of these there are. `mask` is ['N', 'L'] of a type of choice.
 */
export function masked({ features = 2, type = 'int64' as ElementType } = {}): Uint8Array {
  return model({
    inputs: [value('x', 'float32', ['N', 'L', features]), value('mask', type, ['N', 'L'])],
    outputs: [
      value('sums', 'float32', ['N', features]),
      value('y', 'float32', ['N', 'L', features]),
      value('ones', 'float32', ['N']),
    ],
    nodes: [
      node('Cast', ['mask'], ['own'], { to: { int: ELEMENT_TYPES.float32 } }),
      node('Unsqueeze', ['own', 'last'], ['columns']),
      node('Mul', ['x', 'columns'], ['kept']),
      node('ReduceSum', ['kept', 'middle'], ['sums'], { keepdims: { int: 0 } }),
      node('Add', ['x', 'one'], ['y']),
      node('ReduceSum', ['own', 'middle'], ['ones'], { keepdims: { int: 0 } }),
    ],
    initializers: [
      initializer('last', 'int64', [1], BigInt64Array.of(2n)),
      initializer('middle', 'int64', [1], BigInt64Array.of(1n)),
      initializer('one', 'float32', [], Float32Array.of(1)),
    ],
  });
}

/**
 * `y` ['N', 'L'] = x, `lengths` ['N'] = the lengths that it was given, `pairs` ['N', 'L', 'L'] = x_i x_j: outputs whose length is
 * on one axis, on none, and on two.
 */
export function lengths({ type = 'int64' as ElementType } = {}): Uint8Array {
  return model({
    inputs: [value('x', 'float32', ['N', 'L']), value('length', type, ['N'])],
    outputs: [
      value('y', 'float32', ['N', 'L']),
      value('lengths', type, ['N']),
      value('pairs', 'float32', ['N', 'L', 'L']),
    ],
    nodes: [
      node('Identity', ['x'], ['y']),
      node('Identity', ['length'], ['lengths']),
      node('Unsqueeze', ['x', 'last'], ['column']),
      node('Unsqueeze', ['x', 'middle'], ['line']),
      node('Mul', ['column', 'line'], ['pairs']),
    ],
    initializers: [
      initializer('last', 'int64', [1], BigInt64Array.of(2n)),
      initializer('middle', 'int64', [1], BigInt64Array.of(1n)),
    ],
  });
}

/** Two outputs with different axes: `y` = x over ['N', 3, 'M'], `t` = x with its axes turned, ['M', 3, 'N']. */
export function turned({ type = 'float32' as ElementType } = {}): Uint8Array {
  return model({
    inputs: [value('x', type, ['N', 3, 'M'])],
    outputs: [value('y', type, ['N', 3, 'M']), value('t', type, ['M', 3, 'N'])],
    nodes: [node('Identity', ['x'], ['y']), node('Transpose', ['x'], ['t'], { perm: { ints: [2, 1, 0] } })],
  });
}
