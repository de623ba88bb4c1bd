// Work of every kind, kept going for as long as the environment lives: what is in flight when something ends.

import { open } from 'tensorlane';
import { findNumbers, printNumbers, readNumbers } from 'tensorlane/json';
import { testDevice } from './device.mjs';

export function matrix(rows, columns = rows) {
  return { type: 'float64', data: Float64Array.from({ length: rows * columns }, Math.random), dims: [rows, columns] };
}

export function row(features = 16) {
  return { type: 'float32', data: Float32Array.from({ length: features }, Math.random), dims: [1, features] };
}

/** How far an SVD is from its matrix. */
export function svdError({ data }, { u, s, vt }) {
  const [rows, rank] = u.dims;
  const columns = vt.dims[1];
  let worst = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += u.data[i * rank + k] * s.data[k] * vt.data[k * columns + j];
      worst = Math.max(worst, Math.abs(sum - data[i * columns + j]));
    }
  }
  return worst;
}

/** Whether a device computes what it should, on a matrix and on the model that squares. */
export async function checkWorks(device, squareModel) {
  const a = matrix(12, 7);
  const error = svdError(a, await device.linalg.svd(a));
  if (!(error < 1e-12)) throw new Error(`WRONG RESULT: an svd is off by ${error}`);
  const rows = Array.from({ length: 8 }, () => row());
  const results = await Promise.all(rows.map((x) => squareModel.run({ x })));
  results.forEach(({ y }, i) => {
    for (let j = 0; j < 16; j++) {
      const expected = Math.fround(rows[i].data[j] ** 2);
      if (Math.abs(y.data[j] - expected) > 1e-6) throw new Error(`WRONG RESULT: ${y.data[j]}, not ${expected}`);
    }
  });
}

/** An emulated GPU's Jacobi iteration takes seconds for what LAPACK does in a tenth of one. */
const largest = process.env.TENSORLANE_EMULATION ? 100 : Number.POSITIVE_INFINITY;

/**
 * Opens a device and keeps it busy: SVDs that run long, SVDs that end all the time, queued ones, batched model runs that
 * wait for a delay, long model runs, loads, copies that several threads share, numbers in JSON. Resolves once all of it has begun. A rejection is reported on stderr.
 */
export async function keepBusy(models, { size = 700, ...options } = {}) {
  // An end waits for what runs on the lanes, which beside busy processes may take any time where they stand back behind them.
  const device = await open({ device: testDevice, streams: 2, niceness: 0, ...options });
  const delayed = await device.loadModel(models.square, { batching: { maxBatchSize: 8, maxQueueDelayMicros: 300 } });
  const long = await device.loadModel(models.slow);
  const settled = [];
  const run = (promise) => {
    settled.push(
      promise.catch((error) => {
        console.error('unexpected rejection:', error);
      }),
    );
  };
  const forever = async (step) => {
    for (;;) await step();
  };
  run(device.linalg.svd(matrix(Math.min(size, largest))));
  for (let i = 0; i < 3; i++) run(forever(() => device.linalg.svd(matrix(8 + 30 * i))));
  for (let i = 0; i < 5; i++) run(forever(() => delayed.run({ x: row() })));
  run(forever(() => long.run({ x: row(64) })));
  const large = { type: 'float64', data: new Float64Array(2 ** 20), dims: [2 ** 20] };
  run(
    forever(async () => {
      const there = await device.put(large);
      await there.get();
      await there.dispose();
    }),
  );
  run(
    forever(async () => {
      const model = await device.loadModel(models.square);
      await model.dispose();
    }),
  );
  const text = Buffer.from(JSON.stringify(Array.from({ length: 20_000 }, Math.random)));
  run(
    forever(async () => {
      const { arrays } = await findNumbers(text);
      const { data } = await readNumbers(text, arrays, 'float64');
      await printNumbers({ type: 'float64', data, dims: [data.length] });
    }),
  );
  for (let i = 0; i < 30; i++) run(device.linalg.svd(matrix(60)));
  run(delayed.run({ x: row() }, { timeoutMicros: 60e6 }));
  return device;
}
