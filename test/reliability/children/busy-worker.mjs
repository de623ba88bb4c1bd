// A worker_thread that goes away with work in flight, in the way its workerData says.

import { parentPort, workerData } from 'node:worker_threads';
import { open } from 'tensorlane';
import { testDevice } from './device.mjs';
import { keepBusy, matrix, row } from './work.mjs';

const { way, square, slow, milliseconds = 0, size = 400 } = workerData;

if (way === 'natural') {
  // Everything that was begun is settled before the thread ends, though nobody disposes anything.
  const device = await open({ device: testDevice, streams: 2 });
  const model = await device.loadModel(square, { batching: { maxQueueDelayMicros: 20_000 } });
  const work = [
    ...Array.from({ length: 6 }, () => device.linalg.svd(matrix(150))),
    ...Array.from({ length: 20 }, () => model.run({ x: row() })),
    device.loadModel(slow).then((loaded) => loaded.run({ x: row(64) })),
  ];
  let settled = 0;
  for (const one of work) {
    one.then(() => {
      if (++settled === work.length) parentPort.postMessage('settled');
    });
  }
} else {
  // One core an operation: lanes of several threads would otherwise ask for more cores than there are.
  await keepBusy({ square, slow }, { size, threads: 1 });
  if (way === 'exit') {
    setTimeout(() => {
      parentPort.postMessage('busy');
      process.exit(4);
    }, milliseconds);
  } else {
    parentPort.postMessage('busy');
  }
}
