// What a request of many numbers costs the JS thread in time of a core: beside JSON.parse and JSON.stringify of the same, in the same test.

import { tensor } from 'tensorlane';
import { expect, test } from 'vitest';
import { initializer, model, node, value } from '../../../test/support/onnx-builder.js';
import { threadMillis } from '../../../test/support/thread-time.js';
import { byType } from '../lib/core/dtypes.js';
import type { Exchange } from '../lib/http/exchange.js';
import type { JsonObject } from '../lib/json/parse.js';
import { readJson } from '../lib/json/read.js';
import { tensorOf } from '../lib/json/tensor.js';
import { inferExamples } from '../lib/tfs/infer-examples.js';
import { rowsText } from '../lib/tfs/tensors.js';
import { generate } from '../lib/v2/generate.js';
import { folderOf, startEngine } from './support.js';

const count = 150_528;
const values = Array.from({ length: count }, (_, i) => Math.sin(i) * 100);

const median = (of: readonly number[]) => [...of].sort((a, b) => a - b)[of.length >> 1]!;

async function share(ours: () => unknown, theirs: () => unknown): Promise<number> {
  const [a, b]: [number[], number[]] = [[], []];
  for (let round = 0; round < 9; round++) {
    a.push(await threadMillis(ours));
    b.push(await threadMillis(theirs));
  }
  return median(a) / median(b);
}

test('reading one is a small part of JSON.parse', async () => {
  const input = { name: 'x', shape: [1, count], datatype: 'FP32', data: values };
  const body = Buffer.from(JSON.stringify({ inputs: [input] }));
  const read = async () => {
    const json = (await readJson(body, new Set(['data']))) as JsonObject;
    const [{ data }] = json.inputs as [JsonObject];
    return tensorOf('x', byType.get('float32')!, [1, count], data!);
  };
  expect((await read()).data).toEqual(Float32Array.from(values));
  // `npm run bench -- json` holds it to a twentieth.
  expect(await share(read, () => JSON.parse(body.toString()))).toBeLessThan(0.1);
});

test('so are values by name, and examples', async () => {
  const sum = model({
    inputs: [value('x', 'float32', ['N', count])],
    outputs: [value('outputs', 'float32', ['N', 1])],
    nodes: [node('ReduceSum', ['x', 'axes'], ['outputs'], { keepdims: { int: 1 } })],
    initializers: [initializer('axes', 'int64', [1], BigInt64Array.of(1n))],
  });
  const engine = await startEngine({ repository: folderOf({ 'm.onnx': sum }) });
  const asked = (body: object): [Buffer, Exchange] => {
    const bytes = Buffer.from(JSON.stringify(body));
    const exchange = { method: 'POST', header: () => undefined, signal: AbortSignal.timeout(200_000) };
    return [bytes, { ...exchange, body: async () => bytes } as never];
  };
  const theirs = (bytes: Buffer) => () => JSON.parse(bytes.toString());
  const byName = asked({ x: values });
  const generated = () => generate(engine, byName[1], { name: 'm' });
  const examples = asked({ examples: [{ x: values }] });
  const regressed = () => inferExamples('regress', engine, examples[1], { name: 'm' });
  for (const one of [generated, regressed]) expect((await one()).status).toBe(200);
  expect(await share(generated, theirs(byName[0]))).toBeLessThan(0.3);
  expect(await share(regressed, theirs(examples[0]))).toBeLessThan(0.3);
});

test('writing one is a small part of JSON.stringify', async () => {
  const outputs = { y: tensor(Float64Array.from(values), [1, count]) };
  const parts = (await rowsText(['y'], outputs)).map((part) => Buffer.from(part as string));
  expect(JSON.parse(Buffer.concat(parts).toString())).toEqual({ predictions: [values] });
  expect(
    await share(
      () => rowsText(['y'], outputs),
      () => JSON.stringify({ predictions: [values] }),
    ),
  ).toBeLessThan(0.1);
});
