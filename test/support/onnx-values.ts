// Models whose inputs and outputs are not, or not only, tensors of known rank.

import { type ElementType, initializer, model, node, value } from './onnx-builder.js';

/**
 * scikit-learn's usual classifier in small: `label` ['N'] of int64 (the index of the larger of a row's two elements) and
 * `probabilities`, a sequence of a map a row, of int64 or string labels to the elements.
 */
export function zipMap(labels: readonly number[] | readonly string[]): Uint8Array {
  const isText = typeof labels[0] === 'string';
  const attribute = isText
    ? { classlabels_strings: { strings: labels as readonly string[] } }
    : { classlabels_int64s: { ints: labels as readonly number[] } };
  return model({
    inputs: [value('x', 'float32', ['N', labels.length])],
    outputs: [
      value('label', 'int64', ['N']),
      value('probabilities', 'float32', [], 'sequence', { map: isText ? 'string' : 'int64' }),
    ],
    nodes: [
      node('ArgMax', ['x'], ['label'], { axis: { int: 1 }, keepdims: { int: 0 } }),
      node('ZipMap', ['x'], ['probabilities'], attribute, 'ai.onnx.ml'),
    ],
  });
}

/** y = the values of a map under these keys, [1, keys]: 0 where it has none. */
export function dictVectorizer(
  keys: 'string' | 'int64',
  values: ElementType,
  vocabulary: readonly string[],
): Uint8Array {
  const attribute =
    keys === 'string'
      ? { string_vocabulary: { strings: vocabulary } }
      : { int64_vocabulary: { ints: vocabulary.map(Number) } };
  return model({
    inputs: [value('x', values, [], { map: keys })],
    outputs: [value('y', values, [1, vocabulary.length])],
    nodes: [node('DictVectorizer', ['x'], ['y'], attribute, 'ai.onnx.ml')],
  });
}

/** `parts` = x cut into single rows, `joined` = the tensors of `given` one after the other, `count` = how many these are. */
export function sequences(type: ElementType = 'float32'): Uint8Array {
  return model({
    inputs: [value('x', type, ['N', 2]), value('given', type, ['M', 2], 'sequence')],
    outputs: [value('parts', type, [1, 2], 'sequence'), value('joined', type, ['K', 2]), value('count', 'int64', [])],
    nodes: [
      node('SplitToSequence', ['x', 'one'], ['parts']),
      node('ConcatFromSequence', ['given'], ['joined'], { axis: { int: 0 } }),
      node('SequenceLength', ['given'], ['count']),
    ],
    initializers: [initializer('one', 'int64', [], BigInt64Array.of(1n))],
  });
}

/** `y` = the sequence x as it is, `count` = how many tensors it has. */
export function sequenceThrough(type: ElementType = 'float32'): Uint8Array {
  return model({
    inputs: [value('x', type, null, 'sequence')],
    outputs: [value('y', type, null, 'sequence'), value('count', 'int64', [])],
    nodes: [node('Identity', ['x'], ['y']), node('SequenceLength', ['x'], ['count'])],
  });
}

/** `y` = the optional x as it is, `there` = whether it has a value. */
export function optionalThrough(): Uint8Array {
  return model({
    inputs: [value('x', 'float32', ['N'], 'optional')],
    outputs: [value('y', 'float32', ['N'], 'optional'), value('there', 'bool', [])],
    nodes: [node('Identity', ['x'], ['y']), node('OptionalHasElement', ['x'], ['there'])],
  });
}

/** y = x * scale + shift, where scale [1] and shift [2] are initializers that a run may override: 2, and 10 and 20. */
export function overridable({ irVersion = 10 } = {}): Uint8Array {
  return model(
    {
      inputs: [value('x', 'float32', ['N', 2]), value('scale', 'float32', [1]), value('shift', 'float32', [2])],
      outputs: [value('y', 'float32', ['N', 2])],
      nodes: [node('Mul', ['x', 'scale'], ['scaled']), node('Add', ['scaled', 'shift'], ['y'])],
      initializers: [
        initializer('scale', 'float32', [1], Float32Array.of(2)),
        initializer('shift', 'float32', [2], Float32Array.of(10, 20)),
      ],
    },
    { irVersion },
  );
}

/** y = x weights, by an operator that is not ONNX's own, where weights [2, 2] (the identity) may be overridden. */
export function overridableFused(): Uint8Array {
  return model({
    inputs: [value('x', 'float32', ['N', 2]), value('weights', 'float32', [2, 2])],
    outputs: [value('y', 'float32', ['N', 2])],
    nodes: [node('FusedMatMul', ['x', 'weights'], ['y'], {}, 'com.microsoft')],
    initializers: [initializer('weights', 'float32', [2, 2], Float32Array.of(1, 0, 0, 1))],
  });
}

/** y = -x, for tensors of any rank. */
export function anyRank(): Uint8Array {
  return model({
    inputs: [value('x', 'float32', null)],
    outputs: [value('y', 'float32', null)],
    nodes: [node('Neg', ['x'], ['y'])],
  });
}

/** y = a x, where a is a sparse tensor. */
export function sparseProduct(): Uint8Array {
  return model({
    inputs: [value('a', 'float32', [2, 2], 'sparse'), value('x', 'float32', [2, 2])],
    outputs: [value('y', 'float32', [2, 2])],
    nodes: [node('SparseToDenseMatMul', ['a', 'x'], ['y'], {}, 'com.microsoft')],
  });
}
