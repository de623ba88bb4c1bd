// Sessions and the ends of processes, workers and themselves.

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { runNode } from '../../../test/support/processes.js';
import { folderOfModels } from './models.js';
import { floats, ort } from './support.js';

const folder = folderOfModels();
const path = (name: string) => JSON.stringify(join(folder, `${name}.onnx`));
const slowRun = 'session.run({ x: new ort.Tensor("float32", new Float32Array(64 * 256), [64, 256]) })';
const program = (body: string) => `
  const ort = require('@tensorlane/onnxruntime');
  (async () => { const session = await ort.InferenceSession.create(${path('slow')}); ${body} })();`;

test.each([
  ['a session that is never released lets the process end', `await ${slowRun}; console.log('ran')`, 'ran', 0],
  ['a run that nobody awaits keeps it until it has ended', `${slowRun}.then(() => console.log('ran'))`, 'ran', 0],
  ['an exit does not wait for a run', `${slowRun}; process.exit(3)`, '', 3],
  ['nor does an exception', `${slowRun}; setImmediate(() => { throw new Error('meant') })`, '', 1],
])('%s', async (_, body, printed, exits) => {
  const { code, signal, stdout, stderr } = await runNode(['--eval', program(body)]);
  expect([code, signal, stdout.trim()], stderr).toEqual([exits, null, printed]);
});

// Of what the original survives as well; whatever the process is doing when it ends.
const thread = (then: string, last: string) =>
  `const { Worker } = require('node:worker_threads');
   const body = ${JSON.stringify(`require('@tensorlane/onnxruntime').InferenceSession.create(${path('slow')}); ${last}`)};
   const worker = new Worker(body, { eval: true }); ${then}`;
test.each([
  ['the process exits', 'create(); process.exit(3)', 3],
  ['the process exits a little later', 'create(); create(); setTimeout(() => process.exit(3), 20)', 3],
  ['nobody awaits it', 'create()', 0],
  ['it is released and the process exits', 'create().then((s) => { s.release(); process.exit(3); })', 3],
  ['it is released twice', 'create().then((s) => { s.release(); s.release().catch(() => {}); })', 0],
  ['an exception is thrown', "create(); throw new Error('meant')", 1],
  ['its worker exits', thread("worker.on('exit', () => process.exit(3))", 'process.exit(0)'), 3],
  [
    'its worker is terminated',
    thread(
      "worker.on('message', () => worker.terminate().then(() => process.exit(3)))",
      "require('node:worker_threads').parentPort.postMessage(1)",
    ),
    3,
  ],
])('a session that is being made when %s lets it end', async (_, body, exits) => {
  const script = `const ort = require('@tensorlane/onnxruntime');
    const create = () => ort.InferenceSession.create(${path('slow')}); ${body}`;
  // What is in the way is so by chance: several at once.
  const ends = await Promise.all([1, 2, 3].map(() => runNode(['--eval', script])));
  for (const { code, signal, stderr } of ends) expect([code, signal], stderr).toEqual([exits, null]);
});

test('profiled sessions that are left behind let processes end', async () => {
  const body = `
    const profile = { enableProfiling: true, profileFilePrefix: ${JSON.stringify(join(folder, 'profile'))} };
    for (let i = 0; i < 10; i++) await (await ort.InferenceSession.create(${path('two')}, profile)).endProfiling();
    console.log('left')`;
  const ends = await Promise.all([1, 2, 3, 4].map(() => runNode(['--eval', program(body)])));
  expect(ends.map(({ code, signal, stdout }) => [code, signal, stdout.trim()])).toEqual(
    ends.map(() => [0, null, 'left']),
  );
});

test('a worker that is terminated in the middle of a run takes nothing with it', async () => {
  const session = await ort.InferenceSession.create(join(folder, 'two.onnx'));
  for (let i = 0; i < 3; i++) {
    const worker = new Worker(
      program(`require('node:worker_threads').parentPort.postMessage('runs'); while (true) await ${slowRun};`),
      { eval: true },
    );
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    const a = floats([1, 2, 3], [1, 3]);
    expect((await session.run({ a, b: a })).sum!.data).toEqual(Float32Array.of(2, 4, 6));
  }
});

test('what was accepted is answered when the session is released, and what comes later is refused', async () => {
  const session = await ort.InferenceSession.create(join(folder, 'slow.onnx'));
  const runs = Array.from({ length: 4 }, () => session.run({ x: floats(new Array(256).fill(0), [1, 256]) }));
  const released = session.release();
  await expect(session.run({ x: floats(new Array(256).fill(0), [1, 256]) })).rejects.toThrow(
    'Session already disposed.',
  );
  expect((await Promise.all(runs)).map(({ y }) => y!.dims)).toEqual(new Array(4).fill([1, 256]));
  await released;
  await expect(session.release()).rejects.toThrow('Session already disposed.');
});

test('a session is collected when nobody has it any more', async () => {
  const create = async () => new WeakRef((await ort.InferenceSession.create(join(folder, 'dense.onnx'))).tensorlane);
  const lost = await create();
  for (let i = 0; i < 50 && lost.deref() !== undefined; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    globalThis.gc?.();
  }
  expect(lost.deref()).toBe(undefined);
});
