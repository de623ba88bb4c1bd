// worker_threads that end while lanes read what tensorlane itself gave them: given-inputs.mjs WORK WAY MATMUL_MODEL ROUNDS
//
// Such results lie in memory of ours, which Node takes back when the environment ends.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { open } from 'tensorlane';
import { testDevice } from './device.mjs';
import { matrix } from './work.mjs';

const [work, way, matmul, rounds] = isMainThread ? process.argv.slice(2) : workerData;

// One thread an operation, so that each takes some milliseconds.
const start = () => open({ device: testDevice, streams: 2, niceness: 0, threads: 1 });

// Without an arena, memory that the runtime gives back is the system's again, and whoever reads it crashes.
const session = { enableCpuMemArena: false };

/** Results of each kind, and what reads them for as long as it takes. */
const works = {
  async linalg(device) {
    const a = await device.linalg.matmul(matrix(500), matrix(500));
    return () => device.linalg.matmul(a, a);
  },
  async ops(device) {
    const large = { type: 'float64', data: new Float64Array(2 ** 21).fill(0.5), dims: [2 ** 21] };
    const a = await device.ops.exp(large);
    return () => device.ops.exp(a);
  },
  async put(device) {
    const there = await device.put({ type: 'float64', data: new Float64Array(2 ** 21), dims: [2 ** 21] });
    const a = await there.get();
    return async () => (await device.put(a)).dispose();
  },
  async model(device) {
    const model = await device.loadModel(matmul, { batching: false, session });
    const { y } = await model.run({ x: { type: 'float32', data: new Float32Array(4_000_000), dims: [8000, 500] } });
    return () => model.run({ x: y });
  },
};

async function keepGoing(step) {
  for (;;) await step();
}

async function terminateWhileReading() {
  const worker = new Worker(new URL(import.meta.url), { workerData: [work, way, matmul, rounds] });
  const exited = once(worker, 'exit');
  await once(worker, 'message');
  await sleep(Math.random() * 20);
  if (way === 'terminate') await worker.terminate();
  else worker.postMessage('end');
  await exited;
}

/** What one thread was given is another's to read, whatever becomes of the first. */
async function outliveSender(device) {
  const worker = new Worker(new URL(import.meta.url), { workerData: [work, way, matmul, rounds] });
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
