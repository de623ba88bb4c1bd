// The model server as a handler of node:http, below a path. node examples/server/http.mjs models

import { createServer } from 'node:http';
import { createHandler, Engine } from '@tensorlane/server';

const engine = await Engine.start({ repository: process.argv[2] });
const handler = createHandler(engine, { prefix: '/models' });

const server = createServer((request, response) => {
  // What is none of the protocols' comes back.
  handler(request, response, () => {
    response.setHeader('content-type', 'application/json').end('{"mine":true}');
  });
});
server.listen(Number(process.env.PORT ?? 3000), () => console.log('listening', server.address()));

process.once('SIGTERM', () => {
  server.close(() => engine.close());
});
