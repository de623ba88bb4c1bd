// What the clients among these programs share: POST /MODEL with a row of numbers gives the model's row, from the server that has the model.

import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { tensor } from 'tensorlane';

export function createRowServer(client) {
  const models = new Map();
  const modelOf = (name) => {
    if (!models.has(name)) models.set(name, client.model(name));
    return models.get(name);
  };
  const answer = async (request) => {
    const name = request.url.slice(1);
    // One that is not there may come.
    const model = await modelOf(name).catch((error) => {
      models.delete(name);
      throw error;
    });
    const row = Float32Array.from(await json(request));
    const results = await model.run({ [model.inputs[0].name]: tensor(row, [1, row.length]) });
    return [...results[model.outputs[0].name].data];
  };
  return createServer((request, response) => {
    answer(request).then(
      (row) => response.setHeader('content-type', 'application/json').end(JSON.stringify(row)),
      ({ code, message }) => response.writeHead(400).end(JSON.stringify({ code, message })),
    );
  });
}
