import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../../lib/cli/load/child.js';
import { twoOutputs } from '../../test/support/onnx-builder.js';
import type { JsonWorker } from '../load/json-worker.js';
import { ratios } from '../stats.js';
import type { Suite } from '../suite.js';

const COUNT = 150_528; // 3 x 224 x 224
const READ = 'JS thread, 150,528 floats read, of JSON.parse of the body';
const PRINT = 'JS thread, 150,528 floats written, of JSON.stringify';
const WHOLE = 'JS thread, the whole request, of JSON.parse of the body';
const RECEIVED = 'JS thread, such a body received by node:http alone, of JSON.parse of it';
const TIME = 'a request in JSON, of the same in bytes';

/** What JSON costs: the JS thread, and a request. */
export const json: Suite = {
  name: 'json',
  about: 'a request of 150,528 floats to @tensorlane/server: what its JSON costs the JS thread, and beside bytes',
  figures: [READ, PRINT, WHOLE, RECEIVED, TIME],
  async run(context) {
    const folder = mkdtempSync(join(tmpdir(), 'tensorlane-bench-'));
    const worker = new Child<JsonWorker>(new URL('../load/json-worker.ts', import.meta.url), 'server');
    try {
      writeFileSync(join(folder, 'm.onnx'), twoOutputs({ features: COUNT }));
      const elements = Float64Array.from({ length: COUNT }, (_, i) => Math.sin(i) * 100);
      const inJson = bodyOf({ data: [...elements] });
      const floats = Float32Array.from(elements);
      const head = bodyOf({ parameters: { binary_data_size: floats.byteLength } });
      const inBytes = Uint8Array.from(Buffer.concat([head, new Uint8Array(floats.buffer)]));
      const binary = { 'inference-header-content-length': String(head.length) };
      const urls = await worker.call('start', { repository: folder, json: inJson, elements });
      const infer = `${urls.models}/v2/models/m/infer`;
      const none = undefined as never;

      const rounds: Record<'read' | 'parse' | 'print' | 'stringify', number[]> = {
        read: [],
        parse: [],
        print: [],
        stringify: [],
      };
      const [whole, received, times, bytesTimes]: [number[], number[], number[], number[]] = [[], [], [], []];
      const busy = async (work: () => Promise<unknown>) => {
        const before = await worker.call('ran', none);
        await work();
        return (await worker.call('ran', none)) - before;
      };
      const warmUp = 2;
      for (let round = 0; round < warmUp + context.rounds(15, 1); round++) {
        const one = {
          read: await worker.call('read', none),
          parse: await worker.call('parse', none),
          print: await worker.call('print', none),
          stringify: await worker.call('stringify', none),
        };
        const wholeBusy = await busy(() => post(infer, inJson));
        const receivedBusy = await busy(() => post(urls.plain, inJson));
        const time = await millis(() => post(infer, inJson));
        const bytesTime = await millis(() => post(infer, inBytes, binary));
        if (round < warmUp) continue;
        for (const [name, value] of Object.entries(one)) rounds[name as keyof typeof rounds].push(value);
        whole.push(wholeBusy);
        received.push(receivedBusy);
        times.push(time);
        bytesTimes.push(bytesTime);
      }
      context.add(READ, 'x', ratios(rounds.read, rounds.parse), { target: { is: '<=', value: 1 / 20 } });
      context.add(PRINT, 'x', ratios(rounds.print, rounds.stringify), {
        remark: 'as TensorFlow Serving lays it out',
      });
      context.add(WHOLE, 'x', ratios(whole, rounds.parse), { remark: 'with receiving it; the answer is small' });
      context.add(RECEIVED, 'x', ratios(received, rounds.parse));
      context.add(TIME, 'x', ratios(times, bytesTimes), { target: { is: '<=', value: 4 } });
      context.add('JSON.parse of the body', 'ms', rounds.parse);
      context.add('a request in JSON', 'ms', times);
      context.add('the same in bytes', 'ms', bytesTimes);
    } finally {
      await worker.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** Its answer is one number. */
function bodyOf(elements: object): Uint8Array<ArrayBuffer> {
  const input = { name: 'x', shape: [1, COUNT], datatype: 'FP32', ...elements };
  return new TextEncoder().encode(JSON.stringify({ inputs: [input], outputs: [{ name: 'total' }] }));
}

async function post(url: string, body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<void> {
  const response = await fetch(url, { method: 'POST', body, headers });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url}: ${response.status} ${text.slice(0, 500)}`);
}

async function millis(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
