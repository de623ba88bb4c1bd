// Does one kind of round again and again, and prints the memory from time to time: flat-memory.mjs KIND FOLDER ROUNDS

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'tensorlane';
import { testDevice } from './device.mjs';
import { matrix, row } from './work.mjs';

const [kind, folder, roundsText] = process.argv.slice(2);
const rounds = Number(roundsText);
const device = await open({ device: testDevice, streams: 2 });

async function collect() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const kinds = {
  async load() {
    const models = ['square', 'slow', 'dense'].map((name) => readFileSync(join(folder, `${name}.onnx`)));
    const widths = [16, 64, 200];
    return async (i) => {
      const model = await device.loadModel(models[i % 3], { concurrency: 2 });
      const width = widths[i % 3];
      if (i % 3 !== 1 || i % 30 === 1) await Promise.all([1, 2, 3].map(() => model.run({ x: row(width) })));
      await model.dispose();
    };
  },

  // Models come and go, with all that a batch can be, while another one is never without requests.
  async traffic() {
    const stays = await device.loadModel(join(folder, 'square.onnx'), { batching: { allowedBatchSizes: [4, 32] } });
    const files = ['recurrent', 'masked'].map((name) => readFileSync(join(folder, `${name}.onnx`)));
    const padVariableLength = { inputs: { x: { axis: 1 } }, maskInput: 'mask' };
    const batchAxis = { inputs: { state: 1, k: null }, outputs: { next: 1 } };
    const float32 = (dims) => ({ type: 'float32', data: new Float32Array(dims.reduce((n, d) => n * d, 1)), dims });
    let served = 0;
    const client = async () => {
      for (;;) {
        await stays.run({ x: row(16) });
        served++;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    for (let i = 0; i < 3; i++) client().catch(() => {});
    return async (i) => {
      const before = served;
      if (i % 2 === 0) {
        const model = await device.loadModel(files[0], { batching: { maxBatchSize: 8, batchAxis }, warmup: true });
        const sequences = [1, 2, 3].map(() => model.sequence({ states: { state: 'next' }, idleTimeoutMicros: 1e9 }));
        const steps = sequences.flatMap((one) =>
          [one, one].map((it) => it.run({ x: float32([1, 4]), k: float32([]) })),
        );
        await Promise.all(steps);
        await sequences[0].dispose();
        await model.dispose();
      } else {
        const batching = { maxBatchSize: 4, padVariableLength };
        const model = await device.loadModel(files[1], { batching, warmup: { batchSizes: [1, 4] } });
        const runs = [3, 4, 900].map((length) => model.run({ x: float32([length % 7 === 4 ? 9 : 1, length, 2]) }));
        const disposal = model.dispose();
        await Promise.all(runs);
        await disposal;
      }
      while (served === before) await new Promise((resolve) => setImmediate(resolve));
    };
  },

  // Left to the garbage collector.
  async drop() {
    const bytes = readFileSync(join(folder, 'dense.onnx'));
    return async () => {
      const model = await device.loadModel(bytes);
      await model.run({ x: row(200) });
    };
  },

  async svd() {
    const small = matrix(20);
    const large = matrix(100);
    return (i) => device.linalg.svd(i % 4 === 0 ? large : small);
  },

  async open() {
    const a = matrix(10);
    return async () => {
      const other = await open({ device: testDevice, streams: 2 });
      await other.linalg.svd(a);
      await other.dispose();
    };
  },

  async run() {
    const narrow = await device.loadModel(join(folder, 'square.onnx'));
    const wide = await device.loadModel(join(folder, 'dense.onnx'));
    const x = row(16);
    const large = { type: 'float32', data: new Float32Array(200 * 150), dims: [150, 200] };
    return () => Promise.all(Array.from({ length: 9 }, () => narrow.run({ x })).concat(wide.run({ x: large })));
  },

  async fail() {
    const model = await device.loadModel(join(folder, 'square.onnx'), { batching: { maxQueueDelayMicros: 300 } });
    const x = row(16);
    const ignored = () => {};
    return async () => {
      const control = new AbortController();
      const runs = [
        model.run({ x }, { signal: control.signal }).catch(ignored),
        model.run({ x }, { timeoutMicros: 50 }).catch(ignored),
        model.run({ x: { ...x, dims: [2, 16] } }).catch(ignored),
        device.linalg.svd({ type: 'float64', data: Float64Array.of(Number.NaN), dims: [1, 1] }).catch(ignored),
        model.run({ x }),
      ];
      control.abort();
      await Promise.all(runs);
    };
  },
};

const round = await kinds[kind]();
const samples = [];
for (let i = 1; i <= rounds; i++) {
  await round(i);
  // Often enough that garbage which waits for the collector does not count as growth.
  const samplesNow = i % Math.floor(rounds / 20) === 0;
  // Before a sample too: how long ago the last collection was would otherwise decide what is seen.
  if (i % 25 === 0 || samplesNow) await collect();
  if (samplesNow) {
    samples.push(process.memoryUsage());
  }
}
console.log(JSON.stringify(samples));
await device.dispose();
console.log('done');
