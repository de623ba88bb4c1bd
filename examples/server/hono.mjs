// The model server as a fetch handler, in Hono; others that take the web's Request do the same. node examples/server/hono.mjs models

import { serve } from '@hono/node-server';
import { createFetchHandler, Engine } from '@tensorlane/server';
import { Hono } from 'hono';

const engine = await Engine.start({ repository: process.argv[2] });
const handler = createFetchHandler(engine, { prefix: '/models' });
const app = new Hono();
app.get('/', (c) => c.json({ mine: true }));
app.all('/models/*', (c) => handler(c.req.raw));

const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, (address) => {
  console.log('listening', address);
});

process.once('SIGTERM', () => {
  server.close(() => engine.close());
});
