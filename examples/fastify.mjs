// Fastify: the service is a decorator, and stops with the server. node examples/fastify.mjs model.onnx

import Fastify from 'fastify';
import { refusalOf, startService } from './service.mjs';

const app = Fastify({ bodyLimit: 10 * 2 ** 20 });
const service = await startService(process.argv[2]);
app.addHook('onClose', () => service.stop());

app.post('/predict', async (request, reply) => {
  const hungUp = new AbortController();
  // Not the request's own signal: it aborts as soon as the body of a POST has been read.
  reply.raw.once('close', () => hungUp.abort());
  return service.predict(request.body, hungUp.signal);
});

app.post('/singular-values', (request) => service.singularValues(request.body));

app.setErrorHandler((error, _request, reply) => {
  const { status, headers, body } = refusalOf(error);
  return reply.code(status).headers(headers).send(body);
});

// biome-ignore lint/nursery/useAwaitThenable: it gives a promise where it is given no callback
await app.listen({ port: Number(process.env.PORT ?? 3000) });
console.log('listening', app.server.address());

process.once('SIGTERM', () => app.close());
