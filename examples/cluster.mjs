// node:cluster: one process more for each two cores, for JS that is the bottleneck. Each has a device and a copy of the model of its
// own, so more processes share the same cores: what computes in tensorlane gains nothing. node examples/cluster.mjs model.onnx

import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';

if (cluster.isPrimary) {
  const processes = Math.max(2, Math.floor(availableParallelism() / 2));
  for (let i = 0; i < processes; i++) cluster.fork();
  process.once('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
  });
} else {
  await import('./http.mjs');
  process.once('SIGTERM', () => cluster.worker?.disconnect());
}
