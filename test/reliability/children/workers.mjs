// worker_threads that come and go: workers.mjs SCENARIO SQUARE_MODEL SLOW_MODEL [ROUNDS]
//
// A scenario prints what it has seen, step by step, so that a hang shows where it happened.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { open } from 'tensorlane';
import { testDevice } from './device.mjs';
import { checkWorks } from './work.mjs';

const [scenario, square, slow, rounds = '1'] = process.argv.slice(2);

const start = (file, data) => {
  const worker = new Worker(new URL(file, import.meta.url), { workerData: { square, slow, ...data } });
  worker.on('error', (error) => {
    console.error('the worker failed:', error);
    process.exitCode = 1;
  });
  return worker;
};

const exitOf = async (worker) => (await once(worker, 'exit'))[0];

function expect(what, got, wanted) {
  if (got === wanted) return;
  console.error(`${what}: ${got}, not ${wanted}`);
  process.exitCode = 1;
}

const scenarios = {
  async exit() {
    const worker = start('./busy-worker.mjs', { way: 'exit', milliseconds: Math.random() * 30 });
    const exited = exitOf(worker);
    await once(worker, 'message');
    console.log('in flight');
    expect('exit code of the worker that called process.exit(4)', await exited, 4);
    console.log('worker gone');
  },

  async natural() {
    const worker = start('./busy-worker.mjs', { way: 'natural' });
    const exited = exitOf(worker);
    const [message] = await Promise.race([
      once(worker, 'message'),
      exited.then(() => ['ended with its work unsettled']),
    ]);
    expect('what the worker said', message, 'settled');
    console.log('in flight');
    expect('exit code of the worker that ran to its end', await exited, 0);
    console.log('worker gone');
  },

  async terminate() {
    const worker = start('./busy-worker.mjs', { way: 'terminate' });
    await once(worker, 'message');
    console.log('in flight');
    await sleep(Math.random() * 30);
    await worker.terminate();
    console.log('worker gone');
  },

  // Also while the addon loads, while the device opens, while the models load.
  async storm() {
    console.log('in flight');
    const worker = start('./busy-worker.mjs', { way: 'terminate', size: 250 });
    await sleep(Math.random() * 160);
    await worker.terminate();
    console.log('worker gone');
  },

  async ten() {
    const workers = Array.from({ length: 10 }, () => start('./checking-worker.mjs', {}));
    const exits = workers.map(exitOf);
    const said = await Promise.all(
      workers.map(async (worker, i) => {
        const [message] = await Promise.race([
          once(worker, 'message'),
          exits[i].then(() => ['ended without a result']),
        ]);
        return message;
      }),
    );
    console.log('in flight');
    for (const [i, message] of said.entries()) expect(`worker ${i}`, message, 'right');
    for (const [i, code] of (await Promise.all(exits)).entries()) expect(`exit code of worker ${i}`, code, 0);
    console.log('worker gone');
  },
};

// A device of the main thread's own, which must not notice.
const device = await open({ device: testDevice, streams: 2 });
const model = await device.loadModel(square);
for (let round = 0; round < Number(rounds); round++) {
  await scenarios[scenario]();
  await checkWorks(device, model);
}
console.log('main goes on');
await device.dispose();
console.log('done');
