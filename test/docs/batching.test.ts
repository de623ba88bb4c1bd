// docs/batching.md: its examples run, and its tables leave nothing out. What its examples begin to listen to ends with this file's process.

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { register } from 'prom-client';
import { type Device, type Model, open, type Tensor, TensorlaneError, tensor } from 'tensorlane';
import { batched } from 'tensorlane/batching';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { batcherOptionNames } from '../../lib/batching/options.js';
import { batcherFamilies, deviceFamilies } from '../../lib/metrics/families.js';
import { testDevice } from '../support/device.js';
import * as models from '../support/onnx-builder.js';
import { chunksOf, rate, samples, speech } from '../support/speech.js';
import { blocksOf } from './markdown.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const text = readFileSync(join(root, 'docs/batching.md'), 'utf8');
const folder = join(root, 'build/docs-examples/batching');
const cwd = process.cwd();

let device: Device;
let model: Model;
const row = tensor(new Float32Array(16).fill(3), [1, 16]);

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.onnx'), models.square());
  const vad = dirname(createRequire(import.meta.url).resolve('@ricky0123/vad-web/package.json'));
  copyFileSync(join(vad, 'dist/silero_vad_v5.onnx'), join(folder, 'silero_vad_v5.onnx'));
  process.chdir(folder);
  device = await open(testDevice);
  model = await device.loadModel('model.onnx');
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});
afterAll(async () => {
  process.chdir(cwd);
  await device.dispose();
});

/** Runs the example of a section, with what it takes from the reader's own code as globals, and gives what it exports. */
async function example(section: string, globals: Record<string, unknown> = {}, index = 0) {
  const code = blocksOf(text).filter((block) => block.section === section && block.language === 'ts')[index]?.code;
  expect(code, `no example ${index} in '${section}'`).toBeDefined();
  for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
  const file = join(folder, `${section.replaceAll(' ', '-')}-${index}.ts`);
  writeFileSync(file, `${code}\nexport {};\n`);
  return import(/* @vite-ignore */ file);
}

describe('examples', () => {
  test('options of a model', async () => {
    await example('Options');
  });

  test('options of a request', async () => {
    await example('Options', { model, feeds: { x: row } }, 1);
  });

  test('an answer of 503', async () => {
    const { answer } = await example('A target latency', { model });
    const server = createServer((_, response) => void answer({ x: row }, response)).listen(0);
    try {
      const { port } = server.address() as AddressInfo;
      const ask = () => fetch(`http://127.0.0.1:${port}`);
      expect(await (await ask()).json()).toEqual(new Array(16).fill(9));
      const overloaded = new TensorlaneError('ERR_OVERLOADED', 'busy', { retryAfterMicros: 2.1e6 });
      vi.stubGlobal('model', { run: () => Promise.reject(overloaded) });
      const refused = await ask();
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '3']);
    } finally {
      server.close();
    }
  });

  test('a sequence: each caller hears what the model says of it with its context and its state', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const { listen } = await example('Sequences');
    expect(log.mock.calls).toEqual([[false]]);
    await using alone = await device.loadModel('silero_vad_v5.onnx', { batching: false });
    const sr: Tensor = { type: 'int64', data: BigInt64Array.of(BigInt(rate)), dims: [] };
    const heard = async (chunks: Tensor[]) => {
      const all: boolean[] = [];
      let state: Tensor = { type: 'float32', data: new Float32Array(256), dims: [2, 1, 128] };
      for (const input of chunks) {
        const { output, stateN } = await alone.run({ input, sr, state });
        all.push((output!.data[0] as number) > 0.5);
        state = stateN!;
      }
      return all;
    };
    const voices = Array.from({ length: 8 }, (_, seed) => speech(seed, 20));
    const callers = voices.map(() => listen());
    const said = async (caller: { speaks(samples: Float32Array): Promise<boolean> }, audio: Float32Array) => {
      const all: boolean[] = [];
      for (let i = 0; i < audio.length; i += samples) all.push(await caller.speaks(audio.subarray(i, i + samples)));
      return all;
    };
    const together = await Promise.all(callers.map((caller, i) => said(caller, voices[i]!)));
    const expected = await Promise.all(voices.map((audio) => heard(chunksOf(audio))));
    expect(together).toEqual(expected);
    expect(new Set(expected.flat()).size, 'nobody spoke, or all did').toBe(2);
    const bare = await Promise.all(voices.map((audio) => heard(chunksOf(audio, 0))));
    expect(bare, 'the context makes no difference').not.toEqual(expected);
    await callers[0].restart();
    expect(await said(callers[0], voices[0]!), 'after a restart').toEqual(expected[0]);
    await callers[0].hangUp();
    await expect(callers[0].speaks(new Float32Array(samples))).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  });

  test('a function of your own', async () => {
    const asked: string[][] = [];
    const getMany = async (keys: string[]) => {
      asked.push(keys);
      return new Map(keys.map((key) => [key, 1]));
    };
    await example('A function of your own', { database: { getMany } });
    expect(asked).toEqual([['a key']]);
  });

  test('metrics', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await example('Metrics', { device, model });
    expect(log.mock.calls.join()).toContain('tensorlane_requests_accepted_total{model="model.onnx"}');
    register.clear();
  });

  test('events', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await example('Events');
    await using identity = batched(async (items: number[]) => items, { name: 'identity' });
    await identity.run(1);
    await identity.dispose();
    const said = log.mock.calls.join('\n');
    expect(said).toContain('identity: 1 requests, 1+0 rows, closed by laneFree, done');
    expect(said).toMatch(/identity: 1 rows of priority 1 completed after [\d.]+ us/);
  });
});

describe('tables', () => {
  const mentions = (name: string) => new RegExp(`\`${name}\``).test(text);

  test('every option of the scheduler, and every metric', () => {
    expect(batcherOptionNames.filter((name) => !mentions(name))).toEqual([]);
    const metrics = [...batcherFamilies, ...deviceFamilies].map(({ name }) => name);
    expect(metrics.filter((name) => !mentions(name))).toEqual([]);
  });

  test('every reason for which a batch closes, and every outcome', async () => {
    const { batches, requests } = model.stats();
    expect(Object.keys(batches.closed).filter((reason) => !mentions(reason))).toEqual([]);
    const { accepted, pending, queued, refused, ...outcomes } = requests;
    for (const name of [...Object.keys(outcomes), ...Object.keys(refused)]) expect(text).toContain(name);
  });
});
