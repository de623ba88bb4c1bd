// A child process with one project's packages: a server of transformers.js behind node:http, OCR of many pictures, single runs.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { serve } from '../../lib/cli/load/child.js';
import { type LoopDelay, LoopDelayMeter } from './event-loop.js';

type Onnxruntime = { InferenceSession: typeof InferenceSession; Tensor: typeof Tensor };
interface Extractor {
  _call(text: string, options: object): Promise<{ data: Float32Array }>;
  tokenizer(text: string, options: object): unknown;
}
interface Ocr {
  detect(picture: string): Promise<{ text: string }[]>;
}

const meter = new LoopDelayMeter();
let require: NodeJS.Require | undefined;
let server: ReturnType<typeof createServer> | undefined;
let extract: Extractor | undefined;
let ocr: Ocr | undefined;
const sessions = new Map<string, { session: InferenceSession; feeds: Record<string, Tensor> }>();

const methods = {
  open(project: string): void {
    require = createRequire(join(project, 'index.js'));
  },

  /** Listens; the address. A sentence comes in, its embedding goes out. With `tokenizes`, it is only tokenized. */
  async start({ folder, name, tokenizes }: { folder: string; name: string; tokenizes: boolean }): Promise<string> {
    if (extract === undefined) {
      const { env, pipeline } = require!('@huggingface/transformers');
      Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: folder });
      extract = (await pipeline('feature-extraction', name, { dtype: 'fp32' })) as Extractor;
    }
    const embed = extract;
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', async () => {
        const text = Buffer.concat(chunks).toString();
        try {
          if (tokenizes) response.end(String(embed.tokenizer(text, { padding: true, truncation: true }) !== undefined));
          else response.end(JSON.stringify([...(await embed._call(text, { pooling: 'mean', normalize: true })).data]));
        } catch (error) {
          response.statusCode = 500;
          response.end(String(error));
        }
      });
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  },

  async stop(): Promise<void> {
    server?.closeAllConnections();
    await new Promise<void>((resolve) => server!.close(() => resolve()));
  },

  watch(): void {
    meter.start();
  },

  seen(): LoopDelay {
    return meter.stop();
  },

  /** Reads `count` pictures at once; how long it took, what they say, and how long the event loop stood still. */
  async read({ picture, count }: { picture: string; count: number }) {
    if (ocr === undefined) {
      // An ES module, found where require() finds its manifest's neighbours.
      const entry = pathToFileURL(require!.resolve('@gutenye/ocr-node')).href;
      ocr = (await ((await import(entry)).default as { create(): Promise<Ocr> }).create()) as Ocr;
      await ocr.detect(picture);
    }
    const reader = ocr;
    meter.start();
    const start = performance.now();
    const lines = await Promise.all(Array.from({ length: count }, () => reader.detect(picture)));
    const ms = performance.now() - start;
    return { ms, loop: meter.stop(), texts: lines.map((page) => page.map(({ text }) => text).join('\n')) };
  },

  async load({
    key,
    path,
    inputs,
  }: {
    key: string;
    path: string;
    inputs: Record<string, { type: string; dims: number[]; data: unknown }>;
  }) {
    const { InferenceSession, Tensor } = require!('onnxruntime-node') as Onnxruntime;
    const session = await InferenceSession.create(path);
    const feeds = Object.entries(inputs).map(([name, { type, data, dims }]) => [
      name,
      new Tensor(type as 'float32', data as Float32Array, dims),
    ]);
    sessions.set(key, { session, feeds: Object.fromEntries(feeds) });
  },

  /** The mean of so many runs one after the other, in milliseconds. */
  async runs({ key, count }: { key: string; count: number }): Promise<number> {
    const { session, feeds } = sessions.get(key)!;
    const start = performance.now();
    for (let i = 0; i < count; i++) await session.run(feeds);
    return (performance.now() - start) / count;
  },
};

export type DropinWorker = typeof methods;

serve(methods, async () => {
  for (const { session } of sessions.values()) await session.release();
  server?.closeAllConnections();
  server?.close();
});
