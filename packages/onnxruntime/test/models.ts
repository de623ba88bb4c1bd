// The models of the tests, as files of a folder.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import * as build from '../../../test/support/onnx-builder.js';
import { dictVectorizer, zipMap } from '../../../test/support/onnx-values.js';

const { initializer, ints, model, node, value } = build;

/** A folder with all models, until the tests of the file have ended. */
export function folderOfModels(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-onnxruntime-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, bytes] of Object.entries(models())) writeFileSync(join(folder, `${name}.onnx`), bytes);
  writeFileSync(join(folder, 'weights.bin'), weights);
  return folder;
}

const weights = Uint8Array.from({ length: 16 }, (_, i) => (i % 4 === 3 ? 64 : 0)); // four times 2
const pair = [value('a', 'float32', ['rows', 3]), value('b', 'float32', ['rows', 3])];
const types = [
  ...['float32', 'float64', 'float16', 'bfloat16', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32'],
  ...['uint64', 'bool', 'string'],
] as build.ElementType[];

function models(): Record<string, Uint8Array> {
  const named: Record<string, Uint8Array> = {
    two: model({
      inputs: pair,
      outputs: [value('sum', 'float32', ['rows', 3]), value('product', 'float32', ['rows', 3])],
      nodes: [node('Add', ['a', 'b'], ['sum']), node('Mul', ['a', 'b'], ['product'])],
    }),
    // The second is an initializer that a run could override.
    overridable: model({
      inputs: [value('a', 'float32', [2]), value('b', 'float32', [2])],
      outputs: [value('y', 'float32', [2])],
      nodes: [node('Add', ['a', 'b'], ['y'])],
      initializers: [initializer('b', 'float32', [2], Float32Array.of(10, 20))],
    }),
    external: model({
      inputs: [value('x', 'float32', ['N', 4])],
      outputs: [value('y', 'float32', ['N', 4])],
      nodes: [node('Mul', ['x', 'w'], ['y'])],
      initializers: [initializer('w', 'float32', [4], { file: 'weights.bin', length: 16 })],
    }),
    unknownOperator: model({
      inputs: [value('x', 'float32', [1])],
      outputs: [value('y', 'float32', [1])],
      nodes: [node('NoSuchOperator', ['x'], ['y'])],
    }),
    shapes: model({
      inputs: [value('x', 'float32', ['', 'width', 4]), value('any', 'float32', null), value('one', 'float32', [])],
      outputs: [value('y', 'float32', ['', 'width', 4]), value('z', 'float32', null), value('w', 'float32', [])],
      nodes: [node('Relu', ['x'], ['y']), node('Relu', ['any'], ['z']), node('Relu', ['one'], ['w'])],
    }),
    noInputs: model({
      inputs: [],
      outputs: [value('y', 'float32', [2])],
      nodes: [
        node('Constant', [], ['y'], { value: { tensor: initializer('', 'float32', [2], Float32Array.of(1, 2)) } }),
      ],
    }),
    proto: model({
      inputs: [value('__proto__', 'float32', [2])],
      outputs: [value('y', 'float32', [2])],
      nodes: [node('Relu', ['__proto__'], ['y'])],
    }),
    inherited: model({
      inputs: [value('toString', 'float32', ['n']), value('constructor', 'float32', ['n'])],
      outputs: [value('valueOf', 'float32', ['n']), value('hasOwnProperty', 'float32', ['n'])],
      nodes: [
        node('Add', ['toString', 'constructor'], ['valueOf']),
        node('Sub', ['toString', 'constructor'], ['hasOwnProperty']),
      ],
    }),
    reshape: model({
      inputs: [value('x', 'float32', ['n']), value('shape', 'int64', ['k'])],
      outputs: [value('y', 'float32', null)],
      nodes: [node('Reshape', ['x', 'shape'], ['y'])],
    }),
    sequence: model({
      inputs: [value('a', 'float32', [2])],
      outputs: [value('s', 'float32', [2], 'sequence'), value('y', 'float32', [2])],
      nodes: [node('SequenceConstruct', ['a', 'a'], ['s']), node('Relu', ['a'], ['y'])],
    }),
    atPlace: model({
      inputs: [value('s', 'float32', [null], 'sequence'), value('i', 'int64', [])],
      outputs: [value('y', 'float32', [null])],
      nodes: [node('SequenceAt', ['s', 'i'], ['y'])],
    }),
    alias: model({
      inputs: [value('x', 'float32', ['n'])],
      outputs: [value('y', 'float32', ['n']), value('z', 'float32', ['n'])],
      nodes: [node('Identity', ['x'], ['y']), node('Identity', ['x'], ['z'])],
    }),
    // A free leading dimension that is no batch: every row changes the others.
    softmax: model({
      inputs: [value('x', 'float32', ['N', 2])],
      outputs: [value('y', 'float32', ['N', 2])],
      nodes: [node('Softmax', ['x'], ['y'], { axis: { int: 0 } })],
    }),
    running: model({
      inputs: [value('x', 'float32', ['N', 2])],
      outputs: [value('y', 'float32', ['N', 2])],
      nodes: [node('CumSum', ['x', 'axis'], ['y'])],
      initializers: [build.scalar('axis', 0)],
    }),
    state: model({
      inputs: [value('x', 'float32', ['N', 2]), value('h', 'float32', [2, 'N', 2])],
      outputs: [value('y', 'float32', ['N', 2]), value('next', 'float32', [2, 'N', 2])],
      nodes: [
        node('ReduceSum', ['h', 'axes'], ['s'], { keepdims: { int: 0 } }),
        node('Add', ['x', 's'], ['y']),
        node('Add', ['h', 'x'], ['next']),
      ],
      initializers: [ints('axes', 0)],
    }),
    classes: zipMap([3, 5]),
    classNames: zipMap(['cat', 'dög']),
    dictionary: dictVectorizer('string', 'int64', ['a', 'b', 'c']),
    slow: build.slow({ iterations: 2000 }),
    dense: build.dense({ layers: 2, width: 256 }),
  };
  for (const type of types) named[`of-${type}`] = build.identity(type, ['N', 2]);
  return named;
}
