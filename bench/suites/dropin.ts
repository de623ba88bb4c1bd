import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { Child } from '../../lib/cli/load/child.js';
import { bertFolder, sentences } from '../../test/support/bert.js';
import { makeProjects, type Which } from '../../test/support/dropin-projects.js';
import { randomFloats } from '../../test/support/onnx-builder.js';
import type { DropinWorker } from '../load/dropin-worker.js';
import type { LoopDelay } from '../load/event-loop.js';
import { models } from '../models.js';
import { maxAbsError, ratios } from '../stats.js';
import type { Context, Suite } from '../suite.js';

const cache = fileURLToPath(new URL('../cache/dropin/', import.meta.url));
const folders = { original: join(cache, 'original'), dropin: join(cache, 'dropin') };
const clients = { '@huggingface/transformers': '4.3.2', '@gutenye/ocr-node': '1.4.8', sharp: '0.35.4' };
const BOTH: readonly Which[] = ['original', 'dropin'];
const CALLERS = 64;
const NAMES = [
  'feature extraction, throughput',
  'event-loop delay p99 beyond that of tokenising alone',
  'OCR of many pictures at once, throughput',
  'one caller at a time, dense layers',
  'one caller at a time, OCR recognition',
  'one caller at a time, BERT',
  'import',
];

type Workers = Readonly<Record<Which, Child<DropinWorker>>>;
type Samples = Record<Which, number[]>;

/** The same clients on onnxruntime-node and on @tensorlane/onnxruntime in its place, in processes that take turns. */
export const dropin: Suite = {
  name: 'dropin',
  about:
    'transformers.js behind node:http, OCR, one caller and import: onnxruntime-node against @tensorlane/onnxruntime',
  figures: NAMES,
  async run(context) {
    const problem = await makeProjects({ folders, clients, packed: true });
    if (problem !== undefined) {
      for (const name of NAMES) context.skip(name, 'x', problem);
      return;
    }
    const script = new URL('../load/dropin-worker.ts', import.meta.url);
    const workers: Workers = {
      original: new Child<DropinWorker>(script, 'onnxruntime-node'),
      dropin: new Child<DropinWorker>(script, '@tensorlane/onnxruntime'),
    };
    try {
      for (const which of BOTH) await workers[which].call('open', folders[which]);
      await extraction(context, workers);
      await reading(context, workers);
      await single(context, workers);
    } finally {
      for (const which of BOTH) await workers[which].close();
    }
    imports(context, folders);
  },
};

/** Calls `measure` for both, in turns; the first round warms up, but in a short run. */
async function inTurns(context: Context, rounds: number, measure: (which: Which) => Promise<number>): Promise<Samples> {
  const samples: Samples = { original: [], dropin: [] };
  for (let round = context.rounds(-1, 0); round < rounds; round++) {
    for (const which of round % 2 === 0 ? BOTH : BOTH.toReversed()) {
      const sample = await measure(which);
      if (round >= 0) samples[which].push(sample);
    }
  }
  return samples;
}

async function extraction(context: Context, workers: Workers): Promise<void> {
  const size = context.short ? { layers: 1, width: 64 } : { layers: 6, width: 384 };
  const name = bertFolder(cache, size).slice(cache.length);
  const texts = sentences(256, 8, 64);
  const durationMs = context.rounds(3000, 100);
  const loops: Record<Which | 'tokenising', LoopDelay[]> = { original: [], dropin: [], tokenising: [] };
  const answers = new Map<Which, number[][]>();
  const rounds = context.rounds(3, 1);
  const measure = async (which: Which, tokenizes: boolean) => {
    const worker = workers[which];
    const url = await worker.call('start', { folder: cache, name, tokenizes });
    const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
    try {
      if (!tokenizes && !answers.has(which)) {
        answers.set(
          which,
          await Promise.all(
            texts.slice(0, CALLERS).map(async (text) => JSON.parse(await ask(url, agent, text)) as number[]),
          ),
        );
      }
      await worker.call('watch', undefined as never);
      const rate = await closedLoop((i) => ask(url, agent, texts[i % texts.length]!), durationMs);
      loops[tokenizes ? 'tokenising' : which].push(await worker.call('seen', undefined as never));
      return rate;
    } finally {
      agent.destroy();
      await worker.call('stop', undefined as never);
    }
  };
  const rates = await inTurns(context, rounds, (which) => measure(which, false));
  for (let round = 0; round < rounds; round++) await measure('original', true);
  checkSame(answers);
  const remark = `${CALLERS} callers, sentences of 8 to 64 tokens, BERT of ${size.layers} layers, ${size.width} wide`;
  context.add(NAMES[0]!, 'x', ratios(rates.dropin, rates.original), { target: { is: '>=', value: 1.3 }, remark });
  context.add('feature extraction, @tensorlane/onnxruntime', '/s', rates.dropin);
  context.add('feature extraction, onnxruntime-node', '/s', rates.original);
  const p99 = (which: keyof typeof loops) => loops[which].slice(-rounds).map((loop) => loop.p99);
  const alone = p99('tokenising');
  const beyond = p99('dropin').map((ms, i) => Math.max(0, ms - alone[i]!));
  context.add(NAMES[1]!, 'ms', beyond, { target: { is: '<=', value: 10 }, remark });
  context.add('event-loop delay p99, @tensorlane/onnxruntime', 'ms', p99('dropin'));
  context.add('event-loop delay p99, onnxruntime-node', 'ms', p99('original'));
  context.add('event-loop delay p99, tokenising alone', 'ms', alone);
}

/** A fast wrong answer is worth nothing. */
function checkSame(answers: ReadonlyMap<Which, number[][]>): void {
  const theirs = answers.get('original')!;
  for (const [i, answer] of answers.get('dropin')!.entries()) {
    const error = maxAbsError(answer, theirs[i]!);
    if (!(error <= 1e-4)) throw new Error(`embedding ${i} is off by ${error}`);
  }
}

async function reading(context: Context, workers: Workers): Promise<void> {
  const picture = join(cache, 'page.png');
  const lines = ['run on lanes', '1234567890']
    .map((text, i) => `<text x="16" y="${48 + 48 * i}" font-size="30" font-family="sans-serif">${text}</text>`)
    .join('');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="256" height="128"><rect width="256" height="128" fill="white"/>${lines}</svg>`;
  writeFileSync(picture, await sharp(Buffer.from(svg)).png().toBuffer());
  const count = context.short ? 2 : 32;
  const texts = new Map<Which, string>();
  const loops: Record<Which, number[]> = { original: [], dropin: [] };
  const rounds = context.rounds(3, 1);
  const took = await inTurns(context, rounds, async (which) => {
    const { ms, loop, texts: read } = await workers[which].call('read', { picture, count });
    texts.set(which, read.join());
    loops[which].push(loop.p99);
    return ms;
  });
  if (texts.get('original') !== texts.get('dropin')) throw new Error('the pictures were read differently');
  context.add(NAMES[2]!, 'x', ratios(took.original, took.dropin), {
    target: { is: '>=', value: 1.2 },
    remark: `${count} pictures`,
  });
  context.add('OCR, event-loop delay p99, @tensorlane/onnxruntime', 'ms', loops.dropin.slice(-rounds));
  context.add('OCR, event-loop delay p99, onnxruntime-node', 'ms', loops.original.slice(-rounds));
}

async function single(context: Context, workers: Workers): Promise<void> {
  const floats = (dims: number[]) => ({
    type: 'float32',
    dims,
    data: randomFloats(
      dims.reduce((a, b) => a * b),
      3,
    ),
  });
  const tokens = (value: bigint) => ({ type: 'int64', dims: [1, 32], data: new BigInt64Array(32).fill(value) });
  const size = context.short ? { layers: 1, width: 64 } : { layers: 6, width: 384 };
  const ofBert = { input_ids: tokens(7n), attention_mask: tokens(1n), token_type_ids: tokens(0n) };
  const cases = [
    [NAMES[3]!, models.dense(context.short ? 256 : 2048), { x: floats([1, context.short ? 256 : 2048]) }],
    [NAMES[4]!, models.recognition(), { x: floats([1, 3, 48, 320]) }],
    [NAMES[5]!, join(bertFolder(cache, size), 'onnx', 'model.onnx'), ofBert],
  ] as const;
  for (const [name, path, inputs] of cases) {
    for (const which of BOTH) await workers[which].call('load', { key: name, path, inputs });
    const probe = await workers.original.call('runs', { key: name, count: context.rounds(3, 1) });
    const count = context.short ? 1 : Math.max(5, Math.ceil(250 / probe));
    const took = await inTurns(context, context.rounds(7, 1), (which) =>
      workers[which].call('runs', { key: name, count }),
    );
    context.add(name, 'x', ratios(took.dropin, took.original), { target: { is: '<=', value: 1.05 } });
    context.add(`${name}, onnxruntime-node`, 'ms', took.original);
  }
}

/** From the start of a process to its end, with that of Node itself taken off. */
function imports(context: Context, folders: Readonly<Record<Which, string>>): void {
  const timeOf = (folder: string, script: string) => {
    const start = performance.now();
    const { status, stderr } = spawnSync(process.execPath, ['--eval', script], { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return performance.now() - start;
  };
  const took: Samples = { original: [], dropin: [] };
  for (let round = context.rounds(-1, 0); round < context.rounds(21, 1); round++) {
    const bare = timeOf(folders.original, '');
    for (const which of round % 2 === 0 ? BOTH : BOTH.toReversed()) {
      const ms = timeOf(folders[which], "require('onnxruntime-node')");
      if (round >= 0) took[which].push(Math.max(0.1, ms - bare));
    }
  }
  context.add(NAMES[6]!, 'x', ratios(took.dropin, took.original), { target: { is: '<=', value: 1 } });
  context.add('import, @tensorlane/onnxruntime', 'ms', took.dropin);
  context.add('import, onnxruntime-node', 'ms', took.original);
}

function ask(url: string, agent: Agent, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`${response.statusCode}: ${body}`));
      });
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

/** Answers a second of `CALLERS` that each ask again when they are answered. */
async function closedLoop(call: (i: number) => Promise<unknown>, durationMs: number): Promise<number> {
  let next = 0;
  let answered = 0;
  const start = performance.now();
  const caller = async () => {
    while (performance.now() - start < durationMs) {
      await call(next++);
      answered++;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return answered / ((performance.now() - start) / 1000);
}
