// Hono, on Node. node examples/hono.mjs model.onnx

import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { refusalOf, startService } from './service.mjs';

const service = await startService(process.argv[2]);
const app = new Hono();

// The request's signal aborts when the client hangs up.
app.post('/predict', async (c) => c.json(await service.predict(await c.req.json(), c.req.raw.signal)));
app.post('/singular-values', async (c) => c.json(await service.singularValues(await c.req.json())));

app.onError((error, c) => {
  const { status, headers, body } = refusalOf(error);
  return c.json(body, status, headers);
});

const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, (address) => {
  console.log('listening', address);
});

process.once('SIGTERM', async () => {
  server.close();
  await service.stop();
});
