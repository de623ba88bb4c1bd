// node:cluster: the first process has the device and the models, on a UNIX socket; each worker is a client of it, so that the requests of all
// of them share batches. node examples/server/cluster.mjs models

import cluster from 'node:cluster';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, serve } from '@tensorlane/server';
import { createRowServer } from './rows.mjs';

if (cluster.isPrimary) {
  // Nobody but this user may come by it.
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-'));
  const server = await serve({ repository: process.argv[2], http: `unix:${join(folder, 'socket')}`, grpc: false });
  const workers = Array.from({ length: Math.max(2, availableParallelism()) }, () =>
    cluster.fork({ TENSORLANE_SOCKET: server.url }),
  );
  process.once('SIGTERM', async () => {
    // Workers first: what they have asked for is answered.
    const ended = workers.map((worker) => once(worker, 'exit'));
    for (const worker of workers) worker.process.kill('SIGTERM');
    await Promise.all(ended);
    await server.close();
    rmSync(folder, { recursive: true });
  });
} else {
  const client = await connect(process.env.TENSORLANE_SOCKET);
  const server = createRowServer(client);
  server.listen(Number(process.env.PORT ?? 3000), () => console.log('listening', server.address()));
  process.once('SIGTERM', () => {
    server.close(() => {
      client.close();
      cluster.worker.disconnect();
    });
  });
}
