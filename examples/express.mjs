// Express. node examples/express.mjs model.onnx

import express from 'express';
import { refusalOf, startService } from './service.mjs';

const service = await startService(process.argv[2]);
const app = express();
app.use(express.json({ limit: '10mb' }));

app.post('/predict', async (request, response) => {
  const hungUp = new AbortController();
  response.once('close', () => hungUp.abort());
  response.json(await service.predict(request.body, hungUp.signal));
});

app.post('/singular-values', async (request, response) => {
  response.json(await service.singularValues(request.body));
});

// Express 5 brings what an async handler rejects with.
app.use((error, _request, response, _next) => {
  const { status, headers, body } = refusalOf(error);
  response.status(status).set(headers).json(body);
});

const server = app.listen(Number(process.env.PORT ?? 3000), () => console.log('listening', server.address()));

process.once('SIGTERM', async () => {
  server.close();
  await service.stop();
});
