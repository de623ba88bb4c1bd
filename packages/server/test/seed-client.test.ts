// A client of TensorFlow Serving's as it stands: ten threads, each with one number, to a model that squares it, behind the command.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { model, node, value } from '../../../test/support/onnx-builder.js';
import { runNode } from '../../../test/support/processes.js';
import { ask, folderOf } from './support.js';

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const threads = 10;

const dims = ['N', 1];
const squares = model({
  inputs: [value('input_tensor', 'float32', dims)],
  outputs: [value('output', 'float32', dims)],
  nodes: [node('Mul', ['input_tensor', 'input_tensor'], ['output'])],
});

/** A thread of the client: all of them ask at once, again and again, and each waits for its answer. */
const client = `
const { parentPort, workerData } = require('node:worker_threads');
const { url, number, gate, threads, rounds } = workerData;
const arrived = new Int32Array(gate);
async function ask() {
  const response = await fetch(url + '/v1/models/my_model:predict', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instances: [{ input_tensor: [number] }] }),
  });
  return response.json();
}
(async () => {
  const answers = [];
  for (let round = 0; round < rounds; round++) {
    if (Atomics.add(arrived, round, 1) === threads - 1) Atomics.notify(arrived, round);
    for (let now; (now = Atomics.load(arrived, round)) < threads; ) Atomics.wait(arrived, round, now, 1000);
    answers.push(await ask());
  }
  parentPort.postMessage(answers);
})();
`;

/** Where the command listens. */
function started(...options: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const ended = runNode([command, ...options, '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'], {
      onOutput(printed, child) {
        const url = /(http:\S+)\/v2$/m.exec(printed)?.[1];
        if (url === undefined) return;
        onTestFinished(async () => {
          child.kill('SIGTERM');
          expect((await ended).code).toBe(0);
        });
        resolve(url);
      },
    });
    ended.then(({ stderr, code }) => reject(new Error(`ended with ${code}: ${stderr}`)), reject);
  });
}

async function asked(url: string, rounds: number) {
  const gate = new SharedArrayBuffer(4 * rounds);
  const answers = await Promise.all(
    Array.from({ length: threads }, (_, number) => {
      const worker = new Worker(client, { eval: true, workerData: { url, number, gate, threads, rounds } });
      return new Promise<unknown[]>((resolve, reject) => {
        worker.once('message', resolve).once('error', reject);
      });
    }),
  );
  for (const [number, own] of answers.entries()) {
    expect(own).toEqual(Array.from({ length: rounds }, () => ({ predictions: [[number * number]] })));
  }
  const { body } = await ask(`${url}/v2/models/my_model/stats`);
  const [stats] = (body as { model_stats: { inference_count: number; execution_count: number }[] }).model_stats;
  expect(stats!.inference_count).toBe(threads * rounds);
  return stats!.execution_count;
}

test('ten threads get their squares of the command as it is, round after round', async () => {
  const url = await started(folderOf({ 'my_model.onnx': squares }));
  // How many share a batch depends on how busy the machine is.
  expect(await asked(url, 50)).toBeLessThanOrEqual(threads * 50);
});

test('and of fewer batches, where these wait for more rows', async () => {
  const files = folderOf({
    'models/my_model.onnx': squares,
    'batching.txt': 'max_batch_size { value: 10 } batch_timeout_micros { value: 200000 }',
  });
  const parameters = join(files, 'batching.txt');
  const url = await started(join(files, 'models'), '--batching_parameters_file', parameters);
  expect(await asked(url, 3)).toBeLessThan(threads * 3);
});
