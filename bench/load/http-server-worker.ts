// A child process that is a plain node:http server in front of a model: a row of floats in, a row of floats out. It serves in
// one of three ways, which differ in nothing but how requests queue.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Model, open } from 'tensorlane';
import { serve } from '../../lib/cli/load/child.js';

/**
 * - one: a request at a time, as a server without any batching does it.
 * - poll: what is often written first: an array that a timer looks into every 10 ms, and runs what it finds as one batch.
 * - ours: model.run for every request, with batching on.
 */
export type Way = 'one' | 'poll' | 'ours';

export interface ServerSpec {
  readonly way: Way;
  readonly path: string;
  /** Floats of a row, in and out. */
  readonly width: number;
  readonly maxBatchSize: number;
  /** Batches at once. */
  readonly concurrency: number;
}

const POLL_MS = 10;

interface Waiting {
  readonly row: Float32Array<ArrayBuffer>;
  readonly response: ServerResponse;
}

/** Takes requests as they come, and answers each some time later. */
type Queue = (waiting: Waiting) => void;

const device = await open('cpu');
let model: Model | undefined;
let server: ReturnType<typeof createServer> | undefined;
let timer: NodeJS.Timeout | undefined;
let pending = 0;
/** What the queues below have run: to the library a batch that it did not form is one request. */
let formed = { count: 0, rows: 0 };

function answer({ response }: Waiting, row: Float32Array): void {
  pending--;
  response.setHeader('content-length', row.byteLength);
  response.end(Buffer.from(row.buffer, row.byteOffset, row.byteLength));
}

function fail({ response }: Waiting, error: unknown): void {
  pending--;
  const shed = ['ERR_QUEUE_FULL', 'ERR_OVERLOADED'].includes(String((error as { code?: string }).code));
  response.statusCode = shed ? 503 : 500;
  response.end(String(error));
}

/** Whoever hung up wants no answer. */
function wanted(waiting: Waiting): boolean {
  if (!waiting.response.destroyed) return true;
  pending--;
  return false;
}

const rowsOf = (outputs: Awaited<ReturnType<Model['run']>>) => (outputs.y as { data: Float32Array }).data;

async function runBatch(model: Model, batch: readonly Waiting[], width: number): Promise<void> {
  const data = new Float32Array(batch.length * width);
  for (const [i, { row }] of batch.entries()) data.set(row, i * width);
  formed = { count: formed.count + 1, rows: formed.rows + batch.length };
  try {
    const rows = rowsOf(await model.run({ x: { type: 'float32', data, dims: [batch.length, width] } }));
    for (const [i, waiting] of batch.entries()) answer(waiting, rows.subarray(i * width, (i + 1) * width));
  } catch (error) {
    for (const waiting of batch) fail(waiting, error);
  }
}

function oneAtATime(model: Model, width: number): Queue {
  let last = Promise.resolve();
  return (waiting) => {
    last = last.then(() => (wanted(waiting) ? runBatch(model, [waiting], width) : undefined));
  };
}

function polling(model: Model, width: number, maxBatchSize: number): Queue {
  const queue: Waiting[] = [];
  let running = false;
  timer = setInterval(async () => {
    // While a batch runs the next one grows: to start it beside the first would only make both slower.
    if (running) return;
    running = true;
    const batch = queue.splice(0, maxBatchSize).filter(wanted);
    if (batch.length > 0) await runBatch(model, batch, width);
    running = false;
  }, POLL_MS);
  return (waiting) => queue.push(waiting);
}

function ours(model: Model, width: number): Queue {
  return (waiting) => {
    model.run({ x: { type: 'float32', data: waiting.row, dims: [1, width] } }).then(
      (outputs) => answer(waiting, rowsOf(outputs)),
      (error: unknown) => fail(waiting, error),
    );
  };
}

/** The body, read straight into the row. */
function receive(request: IncomingMessage, response: ServerResponse, width: number, queue: Queue): void {
  const row = new Float32Array(width);
  const bytes = Buffer.from(row.buffer);
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    chunk.copy(bytes, length);
    length += chunk.length;
  });
  request.on('end', () => {
    pending++;
    if (length === bytes.length) queue({ row, response });
    else fail({ row, response }, new RangeError(`a row is ${bytes.length} bytes, not ${length}`));
  });
}

async function stop(): Promise<void> {
  clearInterval(timer);
  server?.closeAllConnections();
  await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  await model?.dispose();
  [model, server, timer] = [undefined, undefined, undefined];
}

const methods = {
  /** Loads the model and listens; the address. */
  async start({ way, path, width, maxBatchSize, concurrency }: ServerSpec): Promise<string> {
    await stop();
    const loaded = await device.loadModel(
      path,
      way === 'ours' ? { batching: { maxBatchSize }, concurrency } : { batching: false, concurrency: 1 },
    );
    model = loaded;
    const queue =
      way === 'one'
        ? oneAtATime(loaded, width)
        : way === 'poll'
          ? polling(loaded, width, maxBatchSize)
          : ours(loaded, width);
    server = createServer((request, response) => receive(request, response, width, queue));
    server.keepAliveTimeout = 60_000; // No connection shall be closed in the very moment when it is used again.
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  },

  /** Once what callers who hung up had left behind is done with. */
  async idle(): Promise<void> {
    while (pending > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  },

  /** Batches run so far, and the rows in them. */
  async batches() {
    if (!model?.batching.enabled) return formed;
    const { count, rows } = model.stats().batches;
    return { count, rows };
  },
};

export type HttpServerWorker = typeof methods;

serve(methods, async () => {
  await stop();
  await device[Symbol.asyncDispose]();
});
