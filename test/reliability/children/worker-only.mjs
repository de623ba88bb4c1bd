// Only a worker loads the addon: node unloads it when that worker ends, and the process still has to end well.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const worker = new Worker(
  `import('tensorlane').then(async ({ open, tensor }) => {
     const device = await open(process.env.TENSORLANE_TEST_DEVICE ?? 'cpu');
     await device.linalg.svd(tensor([[1, 2], [3, 4]]));
     await device.dispose();
   });`,
  { eval: true },
);
const [code] = await once(worker, 'exit');
console.log(`worker ${code}`);
console.log('done');
