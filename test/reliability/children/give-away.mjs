// Gives buffers away, or changes them, while a lane reads them: give-away.mjs HOW FOLDER_WITH_MODELS
//
// It checks results where a result is promised; for the rest, a wrong end of the process is the failure.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { open, TensorlaneError } from 'tensorlane';
import { testDevice } from './device.mjs';
import { matrix } from './work.mjs';

const [how, folder] = process.argv.slice(2);
// One core an operation: beside other processes, threads that spin for one another take minutes for an svd.
const device = await open({ device: testDevice, streams: 2, threads: 1 });
const load = (name, options) => device.loadModel(join(folder, name), options);

// Of more than 64 KiB, which are read on the lane, and long enough there for what happens meanwhile: on the emulated GPU smaller ones are.
const [size, sizeBefore] = testDevice === 'cpu' ? [350, 200] : [150, 120];

const turn = () => new Promise((resolve) => setImmediate(resolve));
const typed = (error) => {
  if (!(error instanceof TensorlaneError)) throw error;
  return error;
};

/** Frees the memory that was given away, and puts other things where it was. */
async function collect() {
  globalThis.gc();
  await turn();
  globalThis.gc();
  return Array.from({ length: 8 }, (_, i) => new Float64Array(120_000).fill(i));
}

async function giveAway(give) {
  const wide = await load('wide.onnx', { batching: false });
  for (let round = 0; round < 12; round++) {
    const a = matrix(size);
    const expected = await device.linalg.svd({ ...a, data: a.data.slice() }, { mode: 'values' });
    // The first keeps a lane busy, so the second is read after its buffer has gone.
    const before = [1, 2].map(() => device.linalg.svd(matrix(sizeBefore), { mode: 'values' }));
    const svd = device.linalg.svd(a, { mode: 'values' });
    const x = { type: 'float32', data: new Float32Array(1 << 21).fill(3), dims: [1, 1 << 21] };
    const run = wide.run({ x }).catch(typed);
    if (round % 2 === 0) await turn();
    await give(a.data.buffer);
    await give(x.data.buffer);
    const clutter = await collect();
    const { s } = await svd;
    s.data.forEach((value, i) => {
      if (Math.abs(value - expected.s.data[i]) > 1e-9)
        throw new Error(`WRONG RESULT: ${value}, not ${expected.s.data[i]}`);
    });
    const result = await run;
    if (!(result instanceof TensorlaneError) && !result.y.data.every((value) => value === 9)) {
      throw new Error('WRONG RESULT: the model read memory that was not its input');
    }
    await Promise.all(before);
    clutter.length = 0;
  }
}

/** As ArrayBuffer.prototype.transfer does it (Node 21 and later). */
function transfer(buffer, length) {
  const before = Buffer.from(new Uint8Array(buffer, 0, Math.min(length, buffer.byteLength)));
  const after = Buffer.from(buffer.transfer(length));
  if (buffer.byteLength !== 0) throw new Error('WRONG TRANSFER: the buffer is not detached');
  if (after.length !== length) throw new Error(`WRONG TRANSFER: ${after.length} bytes, not ${length}`);
  if (!before.equals(after.subarray(0, before.length))) throw new Error('WRONG TRANSFER: other bytes');
}

async function changeMeanwhile(model, feeds, change) {
  const until = performance.now() + 3000;
  while (performance.now() < until) {
    const run = model.run(feeds).catch(typed);
    // Lets the batch start, then changes the input under it for as long as it may take.
    await turn();
    const end = performance.now() + 12;
    while (performance.now() < end) change();
    await run;
  }
}

const cases = {
  clone: () =>
    giveAway((buffer) => {
      structuredClone(buffer, { transfer: [buffer] });
    }),

  worker: () =>
    giveAway(async (buffer) => {
      const worker = new Worker(
        'require("node:worker_threads").parentPort.once("message", (buffer) => new Uint8Array(buffer).length)',
        { eval: true },
      );
      worker.postMessage(buffer, [buffer]);
      await once(worker, 'exit');
    }),

  shorter: () => giveAway((buffer) => transfer(buffer, buffer.byteLength / 2)),
  longer: () => giveAway((buffer) => transfer(buffer, buffer.byteLength * 2)),

  async resize() {
    const wide = await load('wide.onnx', { batching: false });
    for (let round = 0; round < 12; round++) {
      const bytes = size * size * 8;
      const buffers = [1, 2].map(() => new ArrayBuffer(bytes, { maxByteLength: 4 * bytes }));
      new Float64Array(buffers[0]).set(matrix(size).data);
      const calls = [
        device.linalg.svd(matrix(sizeBefore), { mode: 'values' }),
        device.linalg.svd(
          { type: 'float64', data: new Float64Array(buffers[0]), dims: [size, size] },
          { mode: 'values' },
        ),
        wide.run({ x: { type: 'float32', data: new Float32Array(buffers[1]), dims: [1, bytes / 4] } }),
      ].map((call) => call.catch(typed));
      if (round % 2 === 0) await turn();
      for (const buffer of buffers) buffer.resize(0);
      await collect();
      await Promise.all(calls);
    }
  },

  async bytes() {
    const file = readFileSync(join(folder, 'slow.onnx'));
    for (let round = 0; round < 12; round++) {
      // Padded by an unknown field, to more than is copied: number 1000, 200,000 bytes long.
      const padding = 200_000;
      const header = Buffer.from([0xc2, 0x3e, 0xc0, 0x9a, 0x0c]);
      const bytes = new Uint8Array(file.length + header.length + padding);
      bytes.set(file);
      bytes.set(header, file.length);
      const loading = device.loadModel(bytes);
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
      await collect();
      const model = await loading;
      await model.dispose();
    }
  },

  async indices() {
    const model = await load('lookup.onnx', { batching: false });
    const count = 1 << 21;
    const data = new BigInt64Array(count);
    const nonsense = 1n << 45n;
    await changeMeanwhile(model, { index: { type: 'int64', data, dims: [count, 1] } }, () => {
      data.fill(nonsense, count - 4096);
      data.fill(0n, count - 4096);
    });
  },

  async condition() {
    const model = await load('compress.onnx', { batching: false });
    const count = 1 << 22;
    const data = new Uint8Array(count);
    const x = { type: 'float32', data: new Float32Array(count), dims: [count] };
    await changeMeanwhile(model, { x, condition: { type: 'bool', data, dims: [count] } }, () => {
      data.fill(1);
      data.fill(0);
    });
  },
};

await cases[how]();
await device.dispose();
console.log('done');
