// Ends in the way it is told while work is in flight: end-while-busy.mjs WAY SQUARE_MODEL SLOW_MODEL MILLISECONDS

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { keepBusy } from './work.mjs';

const [way, square, slow, milliseconds] = process.argv.slice(2);

const ways = {
  exit0: () => process.exit(0),
  exit7: () => process.exit(7),
  throw: () => {
    throw new Error('thrown on purpose');
  },
  reject: () => {
    void Promise.reject(new Error('rejected on purpose'));
  },
  // The parent sends SIGTERM when it reads "ready".
  sigterm: () => {},
  sigtermHandled: () => {},
  exitWithWorkers: () => process.exit(3),
};

if (way === 'sigtermHandled') process.once('SIGTERM', () => process.exit(5));
/** A worker_thread that is as busy, once it is. */
async function busyWorker() {
  const worker = new Worker(new URL('./busy-worker.mjs', import.meta.url), {
    workerData: { way: 'terminate', square, slow },
  });
  await once(worker, 'message');
}

// All begin together: beside what is busy already, a start takes seconds of all cores.
const workers = way === 'exitWithWorkers' ? [busyWorker(), busyWorker()] : [];
await Promise.all([keepBusy({ square, slow }), ...workers]);
setTimeout(() => {
  // Written before the end by a synchronous write, since stdout is a pipe and process.exit does not wait for it.
  process.stdout._handle?.setBlocking?.(true);
  process.stdout.write('ready\n');
  ways[way]();
}, Number(milliseconds));
