// Runs backend tests on a runtime, and prints an outcome a line. A test may end the process: the name of each is told before.
//   node --import tsx test/backend/child.ts tensorlane|onnxruntime-node|@tensorlane/onnxruntime FOLDER FROM TO

import { open } from 'tensorlane';
import { casesIn } from './cases.js';
import { onOnnxRuntime, onTensorlane } from './engines.js';
import type { Engine } from './run.js';

const [engine, folder, from, to] = process.argv.slice(2) as [Engine, string, string, string];
const device = engine === 'tensorlane' ? await open('cpu') : undefined;
const run = engine === 'tensorlane' ? onTensorlane(device!) : await onOnnxRuntime(engine);
for (const test of casesIn(folder).slice(Number(from), Number(to))) {
  console.log(JSON.stringify({ begins: test.name }));
  console.log(JSON.stringify(await run(test)));
}
await device?.dispose();
console.log(JSON.stringify({ ended: true }));
