// A worker_thread that opens a device of its own, and says whether what it computes is right.

import { parentPort, workerData } from 'node:worker_threads';
import { open } from 'tensorlane';
import { testDevice } from './device.mjs';
import { checkWorks } from './work.mjs';

const device = await open({ device: testDevice, streams: 2 });
const model = await device.loadModel(workerData.square);
for (let i = 0; i < 10; i++) await checkWorks(device, model);
await device.dispose();
parentPort.postMessage('right');
