// The model server as a plugin of Fastify, beside routes of one's own. node examples/server/fastify.mjs models

import { tensorlane } from '@tensorlane/server';
import Fastify from 'fastify';

const app = Fastify();
app.get('/', () => ({ mine: true }));
// It has its own engine, which ends with the application.
await app.register(tensorlane, { prefix: '/models', repository: process.argv[2] });

// biome-ignore lint/nursery/useAwaitThenable: it gives a promise where it is given no callback
await app.listen({ port: Number(process.env.PORT ?? 3000) });
console.log('listening', app.server.address());

process.once('SIGTERM', () => app.close());
