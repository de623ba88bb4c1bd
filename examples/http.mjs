// node:http alone. node examples/http.mjs model.onnx

import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { refusalOf, startService } from './service.mjs';

const service = await startService(process.argv[2]);

async function answer(request, response) {
  const hungUp = new AbortController();
  response.once('close', () => hungUp.abort());
  const body = await json(request);
  if (request.url === '/predict') return service.predict(body, hungUp.signal);
  if (request.url === '/singular-values') return service.singularValues(body);
  throw new Error(`there is no ${request.url}`);
}

const server = createServer((request, response) => {
  answer(request, response).then(
    (result) => response.setHeader('content-type', 'application/json').end(JSON.stringify(result)),
    (error) => {
      const { status, headers, body } = refusalOf(error);
      response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(body));
    },
  );
});
server.listen(Number(process.env.PORT ?? 3000), () => console.log('listening', server.address()));

process.once('SIGTERM', async () => {
  server.close();
  await service.stop();
});
