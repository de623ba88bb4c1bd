// New versions while requests run: not one request fails or gets another's answer, and memory stays flat. A hundred swaps;
// TENSORLANE_SWAPS=1000 does as many.

import { renameSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { initializer, model, node, value } from '../../../../test/support/onnx-builder.js';
import { folderOf, put, startServer } from '../support.js';

const swaps = Number(process.env.TENSORLANE_SWAPS ?? 100);
const callers = 8;

/** y = x + version, with weights besides that are seen where they stay. */
const plus = (version: number) =>
  model({
    inputs: [value('x', 'float32', ['N', 1])],
    outputs: [value('y', 'float32', ['N', 1])],
    nodes: [node('Add', ['x', 'c'], ['z']), node('ReduceMax', ['w'], ['m']), node('Mul', ['z', 'm'], ['y'])],
    initializers: [
      initializer('c', 'float32', [1], Float32Array.of(version)),
      initializer('w', 'float32', [250_000], new Float32Array(250_000).fill(1)),
    ],
  });

const agent = new Agent({ keepAlive: true });

/** The model's version as the answer says, and the number. */
function ask(url: string, x: number): Promise<{ version: number; y: number }> {
  const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 1], datatype: 'FP32', data: [x] }] });
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/v2/models/m/infer`, {
      method: 'POST',
      agent,
      headers: { 'content-length': body.length },
    });
    sent.on('error', reject).on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject).on('end', () => {
        if (response.statusCode !== 200) return reject(new Error(`${response.statusCode}: ${text}`));
        const { model_version: version, outputs } = JSON.parse(text);
        resolve({ version: Number(version), y: outputs[0].data[0] });
      });
    });
    sent.end(body);
  });
}

test(`${swaps} swaps under load`, { timeout: 300_000 + swaps * 1000 }, async () => {
  const repository = folderOf({ 'm/1/model.onnx': plus(1) });
  const aside = folderOf({});
  const server = await startServer({ repository, load: { threads: 1 } });
  let isOver = false;
  let answers = 0;
  /** Of the newest version that was served when a request was sent, or a later one. */
  let served = 1;
  const wrong: string[] = [];
  const caller = async (index: number) => {
    for (let x = index; !isOver && wrong.length < 10; x = (x + callers) % 1000) {
      const oldest = served;
      try {
        const { version, y } = await ask(server.url, x);
        if (version < oldest) wrong.push(`version ${version} answered when ${oldest} was served`);
        if (y !== x + version) wrong.push(`version ${version} made ${y} of ${x}`);
        answers++;
      } catch (error) {
        wrong.push(String(error));
      }
    }
  };
  const all = Array.from({ length: callers }, (_, index) => caller(index));
  const memory: number[] = [];
  const seen = new Set<number>();
  for (let version = 2; version <= swaps + 1; version++) {
    put(aside, { [`${version}/model.onnx`]: plus(version) });
    renameSync(join(aside, String(version)), join(repository, 'm', String(version)));
    await server.engine.refresh();
    served = version;
    rmSync(join(repository, 'm', String(version - 1)), { recursive: true });
    const before = answers;
    while (answers < before + callers && wrong.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    seen.add(server.engine.resolve({ name: 'm' }).version);
    if (wrong.length > 0) break;
    globalThis.gc?.();
    memory.push(process.memoryUsage().rss);
  }
  isOver = true;
  await Promise.all(all);
  expect(wrong).toEqual([]);
  expect(seen.size).toBe(swaps);
  // What went was given back: a version's weights are a megabyte.
  const mean = (list: readonly number[]) => list.reduce((sum, one) => sum + one, 0) / list.length;
  const third = Math.floor(memory.length / 3);
  const growth = mean(memory.slice(-third)) - mean(memory.slice(third, 2 * third));
  console.log(`${answers} answers, ${(growth / 2 ** 20).toFixed(1)} MiB more in the last third than in the one before`);
  expect(growth).toBeLessThan(16 * 2 ** 20 + (swaps / 3) * 0.1 * 2 ** 20);
  agent.destroy();
});
