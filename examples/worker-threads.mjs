// worker_threads: each worker has tensorlane for itself, and they share the cores. Only for servers whose own JS fills a thread:
// tensorlane computes off the JS thread anyway. node examples/worker-threads.mjs model.onnx

import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { startService } from './service.mjs';

if (isMainThread) {
  const rows = Array.from({ length: 4 }, (_, i) => Array.from({ length: 16 }, () => i));
  const answers = rows.map(async (row) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { path: process.argv[2], row } });
    const [answer] = await once(worker, 'message');
    await once(worker, 'exit');
    return answer;
  });
  for (const answer of await Promise.all(answers)) console.log(answer.join(' '));
} else {
  const { path, row } = workerData;
  const service = await startService(path);
  parentPort.postMessage(await service.predict(row));
  await service.stop();
}
