// The model server as a handler of Express, before parsers of bodies. node examples/server/express.mjs models

import { createHandler, Engine } from '@tensorlane/server';
import express from 'express';

const engine = await Engine.start({ repository: process.argv[2] });
const app = express();
app.use('/models', createHandler(engine));
app.use(express.json());
app.get('/', (_request, response) => {
  response.json({ mine: true });
});

const server = app.listen(Number(process.env.PORT ?? 3000), () => console.log('listening', server.address()));

process.once('SIGTERM', () => {
  server.close(() => engine.close());
});
