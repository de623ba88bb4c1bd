// A child process of the suite `json`: a server, a plain one beside it, and how long its JS thread ran.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Server, serve as serveModels } from '@tensorlane/server';
import { tensor } from 'tensorlane';
import { serve } from '../../lib/cli/load/child.js';
import { byType } from '../../packages/server/lib/core/dtypes.js';
import type { JsonObject } from '../../packages/server/lib/json/parse.js';
import { readJson } from '../../packages/server/lib/json/read.js';
import { tensorOf } from '../../packages/server/lib/json/tensor.js';
import { rowsText } from '../../packages/server/lib/tfs/tensors.js';
import { runSoFar, threadMillis } from '../../test/support/thread-time.js';

let server: Server | undefined;
let body = Buffer.alloc(0);
let values = new Float64Array(0);

/** Takes bodies, and does nothing with them. */
const plain = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => response.end(String(Buffer.concat(parts).length)));
});

const methods = {
  /** The addresses of both. `json` is a body of the Open Inference Protocol's with one input, which these are the elements of. */
  async start({ repository, json, elements }: { repository: string; json: Uint8Array; elements: Float64Array }) {
    body = Buffer.from(json);
    values = Float64Array.from(elements);
    server = await serveModels({ device: 'cpu', repository, http: '127.0.0.1:0', grpc: false });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    return { models: server.url, plain: `http://127.0.0.1:${(plain.address() as AddressInfo).port}` };
  },

  /** From the body's bytes to the tensor. */
  read: () =>
    threadMillis(async () => {
      const [input] = ((await readJson(body, new Set(['data']))) as JsonObject).inputs as [JsonObject];
      await tensorOf('x', byType.get('float32')!, input.shape as number[], input.data!);
    }),
  parse: () => threadMillis(() => JSON.parse(body.toString())),

  /** From a tensor to the answer's parts. */
  print: () => threadMillis(() => rowsText(['y'], { y: tensor(values, [1, values.length]) })),
  stringify: () => threadMillis(() => JSON.stringify({ predictions: [[...values]] })),

  /** Since the process began. */
  ran: runSoFar,
};

export type JsonWorker = typeof methods;

serve(methods, async () => {
  plain.closeAllConnections();
  plain.close();
  await server?.close();
});
