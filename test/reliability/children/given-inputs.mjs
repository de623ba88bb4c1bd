// worker_threads that end while lanes read memory that V8 did not allocate: given-inputs.mjs WORK WAY MATMUL_MODEL ROUNDS [ADDON]
//
// What tensorlane itself gave lies in memory of ours; with ADDON it is moved to memory of that. Node frees both when the environment ends.

import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { open } from 'tensorlane';
import { findNumbers } from 'tensorlane/json';
import { testDevice } from './device.mjs';
import { matrix } from './work.mjs';

const [work, way, matmul, rounds, addon] = isMainThread ? process.argv.slice(2) : workerData;

// One thread an operation, so that each takes some milliseconds.
const start = () => open({ device: testDevice, streams: 2, niceness: 0, threads: 1 });

// Without an arena, memory that the runtime gives back is the system's again, and whoever reads it crashes.
const session = { enableCpuMemArena: false };

/** Results of each kind, and what reads them for as long as it takes. */
const works = {
  async linalg(device) {
    const a = elsewhere(await device.linalg.matmul(matrix(500), matrix(500)));
    return () => device.linalg.matmul(a, a);
  },
  async ops(device) {
    const large = { type: 'float64', data: new Float64Array(2 ** 21).fill(0.5), dims: [2 ** 21] };
    const a = elsewhere(await device.ops.exp(large));
    return () => device.ops.exp(a);
  },
  async put(device) {
    const there = await device.put({ type: 'float64', data: new Float64Array(2 ** 21), dims: [2 ** 21] });
    const a = elsewhere(await there.get());
    return async () => (await device.put(a)).dispose();
  },
  async model(device) {
    const model = await device.loadModel(matmul, { batching: false, session });
    const { y } = await model.run({ x: { type: 'float32', data: new Float32Array(4_000_000), dims: [8000, 500] } });
    const x = elsewhere(y);
    return () => model.run({ x });
  },
  async batches(device) {
    const model = await device.loadModel(matmul, { session });
    const x = elsewhere({ type: 'float32', data: new Float32Array(500_000), dims: [1000, 500] });
    return () => Promise.all([model.run({ x }), model.run({ x })]);
  },
  async json() {
    const { data } = elsewhere({ data: Buffer.from(JSON.stringify(new Array(2 ** 20).fill(0.123))) });
    return () => findNumbers(data);
  },
};

/** The same in memory of another addon's, where one was named. */
function elsewhere({ data, ...others }) {
  if (addon === undefined) return { data, ...others };
  const { buffer } = createRequire(import.meta.url)(addon).map(data.byteLength);
  const moved = new (Buffer.isBuffer(data) ? Uint8Array : data.constructor)(buffer);
  moved.set(data);
  return { data: moved, ...others };
}

async function keepGoing(step) {
  for (;;) await step();
}

async function terminateWhileReading() {
  const worker = new Worker(new URL(import.meta.url), { workerData: process.argv.slice(2) });
  const exited = once(worker, 'exit');
  await once(worker, 'message');
  await sleep(Math.random() * 20);
  if (way === 'terminate') await worker.terminate();
  else worker.postMessage('end');
  await exited;
}

/** What one thread was given is another's to read, whatever becomes of the first. */
async function outliveSender(device) {
  const worker = new Worker(new URL(import.meta.url), { workerData: process.argv.slice(2) });
  const [buffer] = await once(worker, 'message');
  const data = new Float64Array(buffer);
  const a = { type: 'float64', data, dims: [500, 500] };
  const products = [1, 2, 3, 4].map(() => device.linalg.matmul(a, a));
  await worker.terminate();
  for (const product of await Promise.all(products)) {
    if (!product.data.every((value) => value === 500)) throw new Error('WRONG RESULT: the input was not what was sent');
  }
  if (!data.every((value) => value === 1)) throw new Error('WRONG RESULT: what was sent has changed');
}

if (!isMainThread && work === 'sent') {
  const device = await start();
  const ones = { type: 'float64', data: new Float64Array(500 * 500).fill(1), dims: [500, 500] };
  const { buffer } = (await device.ops.mul(ones, ones)).data;
  try {
    parentPort.postMessage(buffer, [buffer]);
  } catch {
    parentPort.postMessage(buffer); // newer versions of Node refuse to transfer it
  }
  void keepGoing(() => device.ops.mul(ones, ones));
} else if (!isMainThread) {
  const step = await works[work](await start());
  for (let i = 0; i < 6; i++) void keepGoing(step);
  // Once some of it was done, there is always more in hand.
  await step();
  parentPort.once('message', () => process.exit());
  parentPort.postMessage('busy');
} else {
  const device = await start();
  const product = await device.linalg.matmul(matrix(200), matrix(200));
  for (let round = 0; round < Number(rounds); round++) {
    await (work === 'sent' ? outliveSender(device) : terminateWhileReading());
    // The main thread's own, meanwhile, is where it was.
    await device.linalg.matmul(product, product);
  }
  await device.dispose();
  console.log('done');
}
