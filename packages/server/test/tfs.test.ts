// TensorFlow Serving's protocol over REST, to the byte where clients may look at bytes.

import { describe, expect, test } from 'vitest';
import {
  add,
  identity,
  initializer,
  model,
  node,
  square,
  strings,
  twoOutputs,
  value,
} from '../../../test/support/onnx-builder.js';
import type { Server, ServerOptions } from '../lib/index.js';
import { ask, folderOf, startServer } from './support.js';

/** TensorFlow Serving's own example: y = x / 2 + 2 over [N]. */
function halfPlusTwo(): Uint8Array {
  return model({
    inputs: [value('x', 'float32', ['N'])],
    outputs: [value('y', 'float32', ['N'])],
    nodes: [node('Mul', ['x', 'a'], ['m']), node('Add', ['m', 'b'], ['y'])],
    initializers: [
      initializer('a', 'float32', [], Float32Array.of(0.5)),
      initializer('b', 'float32', [], Float32Array.of(2)),
    ],
  });
}

const started = (files: Readonly<Record<string, Uint8Array | string>>, options: ServerOptions = {}) =>
  startServer({ repository: folderOf(files), ...options });

async function predict(server: Server, body: unknown, path = 'm') {
  const sent = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${server.url}/v1/models/${path}:predict`, { method: 'POST', body: sent });
  return [response.status, await response.text()] as const;
}

test('rows and columns of the example, to the byte', async () => {
  const server = await started({ 'm.onnx': halfPlusTwo() });
  expect(await predict(server, { instances: [2, 3, 4] })).toEqual([
    200,
    '{\n    "predictions": [3.0, 3.5, 4.0\n    ]\n}',
  ]);
  expect(await predict(server, { inputs: [2, 3, 4] })).toEqual([
    200,
    '{\n    "outputs": [\n        3.0,\n        3.5,\n        4.0\n    ]\n}',
  ]);
  expect(await predict(server, { signature_name: 'serving_default', inputs: { x: [1] }, other: 1 })).toEqual([
    200,
    '{\n    "outputs": [\n        2.5\n    ]\n}',
  ]);
  expect((await predict(server, { instances: [{ x: 1 }, { x: 2 }] }))[1]).toBe(
    '{\n    "predictions": [2.5, 3.0\n    ]\n}',
  );
});

test('rows of several inputs and outputs', async () => {
  const server = await started({ 'two.onnx': twoOutputs({ features: 2 }), 'sum.onnx': add({ features: 2 }) });
  expect(
    await predict(
      server,
      {
        instances: [
          [1, 2],
          [3, 4],
        ],
      },
      'two',
    ),
  ).toEqual([
    200,
    '{\n    "predictions": [\n        {\n            "doubled": [2.0, 4.0],\n            "total": [3.0]\n        },\n' +
      '        {\n            "doubled": [6.0, 8.0],\n            "total": [7.0]\n        }\n    ]\n}',
  ]);
  const [, columns] = await predict(server, { inputs: [[1, 2]] }, 'two');
  expect(JSON.parse(columns)).toEqual({ outputs: { doubled: [[2, 4]], total: [[3]] } });
  const rows = {
    instances: [
      { a: [1, 2], b: [3, 4] },
      { b: [1, 1], a: [0, 0] },
    ],
  };
  expect(await predict(server, rows, 'sum')).toEqual([200, '{\n    "predictions": [[4.0, 6.0], [1.0, 1.0]\n    ]\n}']);
  expect((await predict(server, { inputs: { a: [[1, 2]], b: [[1, 2]] } }, 'sum'))[0]).toBe(200);
  expect((await predict(server, { inputs: { a: [[1, 2]] } }, 'sum'))[1]).toContain('Missing named input: b');
});

test.each([
  [
    'float32',
    '0.1, 1e-10, 123456.0, 1.23457e+06, 1.0, -0.0, 0.333333343, 1.0e20',
    '0.1, 1e-10, 123456.0, 1.23457e+06, 1.0, -0.0, 0.333333343, 1e+20',
  ],
  ['float64', '0.1, 0.333333333333333315, 2.5', '0.1, 0.33333333333333331, 2.5'],
  ['float32', 'NaN, Infinity, -Infinity', 'NaN, Infinity, -Infinity'],
  ['float16', '0.5, 65504, 0.1', '0.5, 65504.0, 0.0999755859'],
  ['int64', '9223372036854775807, -1', '9223372036854775807, -1'],
  ['uint8', '0, 255', '0, 255'],
  ['bool', 'true, false', 'true, false'],
] as const)('numbers of %s: %s', async (type, sent, got) => {
  const server = await started({ 'm.onnx': identity(type, ['N']) });
  expect(await predict(server, `{"instances": [${sent}]}`)).toEqual([200, `{\n    "predictions": [${got}\n    ]\n}`]);
});

test('strings, and bytes as base64', async () => {
  const bytes = model({
    inputs: [value('x', 'string', ['N', 1])],
    outputs: [value('y_bytes', 'string', ['N', 1])],
    nodes: [node('Identity', ['x'], ['y_bytes'])],
  });
  const server = await started({ 'm.onnx': strings(), 'bytes.onnx': bytes });
  expect(await predict(server, { instances: [['a "b"'], [{ b64: 'w6Q=' }]] })).toEqual([
    200,
    '{\n    "predictions": [["a \\"b\\""], ["ä"]\n    ]\n}',
  ]);
  const [, body] = await predict(server, { instances: [['ä']] }, 'bytes');
  expect(JSON.parse(body)).toEqual({ predictions: [[{ b64: 'w6Q=' }]] });
  for (const b64 of ['w6Q', '!!', 'w']) {
    expect((await predict(server, { instances: [[{ b64 }]] }))[0], b64).toBe(b64 === 'w6Q' ? 200 : 400);
  }
  expect(await predict(server, { instances: [[{ b64: '//4=' }]] })).toMatchObject([
    400,
    expect.stringContaining('not UTF-8'),
  ]);
});

test('the states of versions, their metadata, versions and labels in the path', async () => {
  const files = {
    'm/1/model.onnx': halfPlusTwo(),
    'm/2/model.onnx': square({ features: 1 }),
    'm/7/model.onnx': 'broken',
  };
  const models = { m: { versions: { all: true }, labels: { stable: 1 } } } as const;
  const server = await started(files, { models });
  const get = (path: string, init?: RequestInit) => ask(`${server.url}/v1/models/${path}`, undefined, init);
  const available = (version: string) => ({
    version,
    state: 'AVAILABLE',
    status: { error_code: 'OK', error_message: '' },
  });
  const failed = {
    version: '7',
    state: 'END',
    status: { error_code: 'INTERNAL', error_message: expect.stringContaining('model.onnx') },
  };
  expect((await get('m')).body).toEqual({ model_version_status: [failed, available('2'), available('1')] });
  expect((await get('m/versions/1')).body).toEqual({ model_version_status: [available('1')] });
  expect((await get('m/labels/stable')).body).toEqual({ model_version_status: [available('1')] });
  const raw = await (await fetch(`${server.url}/v1/models/m/versions/1`)).text();
  expect(raw).toBe(
    '{\n "model_version_status": [\n  {\n   "version": "1",\n   "state": "AVAILABLE",\n' +
      '   "status": {\n    "error_code": "OK",\n    "error_message": ""\n   }\n  }\n ]\n}\n',
  );
  const tensorInfo = (name: string) => ({
    dtype: 'DT_FLOAT',
    tensor_shape: { dim: [{ size: '-1', name: '' }], unknown_rank: false },
    name: `${name}:0`,
  });
  const signature = {
    inputs: { x: tensorInfo('x') },
    outputs: { y: tensorInfo('y') },
    method_name: 'tensorflow/serving/predict',
  };
  expect(await get('m/labels/stable/metadata')).toMatchObject({
    status: 200,
    body: {
      model_spec: { name: 'm', signature_name: '', version: '1' },
      metadata: { signature_def: { signature_def: { serving_default: signature } } },
    },
  });
  expect((await predict(server, { instances: [2] }, 'm/versions/1'))[1]).toContain('[3.0\n');
  expect((await predict(server, { instances: [2] }, 'm/labels/stable'))[1]).toContain('[3.0\n');
  expect((await predict(server, { instances: [[3]] }))[1]).toContain('[[9.0]\n');
  // As TensorFlow Serving has it, in any case.
  expect(await ask(`${server.url}/V1/Models/m:PREDICT`, { instances: [[3]] })).toMatchObject({ status: 200 });
  expect((await get('%6d')).status).toBe(200);
});

describe('what is wrong is refused', () => {
  const wrong: readonly [string, unknown, number, RegExp][] = [
    ['m', { instances: [] }, 400, /No values in 'instances'/],
    ['m', { instances: 1 }, 400, /to be a list/],
    ['m', {}, 400, /Missing 'inputs' or 'instances' key/],
    ['m', { instances: [1], inputs: [1] }, 400, /only one of/],
    ['m', [1], 400, /must be a JSON object/],
    ['m', 'nothing', 400, /no JSON/],
    ['m', { instances: [1, [2]] }, 400, /list at unexpected level 1/],
    ['m', { instances: [[1], 2] }, 400, /a value at level 1/],
    ['m', { instances: [[1, 2], [3]] }, 400, /unexpected size 1 at level 1, expected size 2/],
    ['m', { instances: ['one'] }, 400, /element 0 is no float32: "one"/],
    ['m', '{"instances": [1e39]}', 400, /element 0 is no float32: 1e\+39/],
    ['m', { instances: [{ y: 1 }] }, 400, /keys must be equal to x/],
    ['m', { instances: [{ x: 1 }, 2] }, 400, /Expecting an object at item 1/],
    ['sum', { instances: [[1, 2]] }, 400, /several inputs/],
    ['sum', { inputs: [[1, 2]] }, 400, /several inputs/],
    ['m', { signature_name: 'other', instances: [1] }, 400, /Serving signature key .*"other.*" not found/],
    ['m', { signature_name: 1, instances: [1] }, 400, /must be a string/],
    ['none', { instances: [1] }, 404, /^Servable not found for request: Latest\(none\)$/],
    ['m/versions/9', { instances: [1] }, 404, /^Servable not found for request: Specific\(m, 9\)$/],
    ['m/labels/none', { instances: [1] }, 400, /Unrecognized servable version label: none/],
    ['m/extra', { instances: [1] }, 400, /^Malformed request: POST/],
  ];

  test('with a message, and the server goes on', async () => {
    const server = await started({ 'm.onnx': halfPlusTwo(), 'sum.onnx': add({ features: 2 }) });
    for (const [path, body, status, message] of wrong) {
      const reply = await ask(`${server.url}/v1/models/${path}:predict`, body);
      const what = `${path} ${JSON.stringify(body)}`;
      expect([reply.status, reply.body], what).toEqual([status, { error: expect.stringMatching(message) }]);
    }
    expect(await ask(`${server.url}/v1/models/none`)).toMatchObject({
      status: 404,
      body: { error: 'Could not find any versions of model none' },
    });
    expect(await ask(`${server.url}/v1/nothing`)).toMatchObject({ status: 400 });
    expect(await ask(`${server.url}/v1/models/m:predict`)).toMatchObject({ status: 400 });
    expect((await predict(server, { instances: [1] }))[0]).toBe(200);
  });
});

test('both protocols share batches; ten clients of one row each get their own', async () => {
  const server = await started({ 'm.onnx': square({ features: 1 }) });
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      if (i % 2 === 0) return JSON.parse((await predict(server, { instances: [[i]] }))[1]).predictions[0][0];
      const inputs = [{ name: 'x', shape: [1, 1], datatype: 'FP32', data: [i] }];
      const { body } = await ask(`${server.url}/v2/models/m/infer`, { inputs });
      return (body as { outputs: { data: number[] }[] }).outputs[0]!.data[0];
    }),
  );
  expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => i * i));
  const stats = server.engine.resolve({ name: 'm' }).stats()!;
  expect(stats.requests.completed).toBe(20);
  expect(stats.batches.rows).toBe(20);
});
