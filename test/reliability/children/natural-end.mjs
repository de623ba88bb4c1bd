// Comes to its end without process.exit: natural-end.mjs WHAT SQUARE_MODEL SLOW_MODEL
//
// What is pending must keep the process alive until it has printed "done"; what is idle must not keep it alive after.

import { open } from 'tensorlane';
import { findNumbers } from 'tensorlane/json';
import { testDevice } from './device.mjs';
import { matrix, row } from './work.mjs';

const [what, square, slow] = process.argv.slice(2);

const done = () => {
  console.log('done');
  // The test measures from here to the end of the process.
  console.log('ready');
};

const cases = {
  async idleDevice() {
    const device = await open(testDevice);
    await device.linalg.svd(matrix(20));
    done();
  },
  async idleModel() {
    const device = await open(testDevice);
    const model = await device.loadModel(square, { batching: { maxQueueDelayMicros: 1000 } });
    await model.run({ x: row() }, { timeoutMicros: 60e6 });
    done();
  },
  async heldStream() {
    const device = await open(testDevice);
    const stream = await device.streams.acquire();
    stream.wait(stream.record());
    await device.linalg.svd(matrix(20), { stream });
    stream.record();
    done();
  },
  async idleJson() {
    await findNumbers(Buffer.from('[1, 2]'));
    done();
  },
  async pendingJson() {
    void findNumbers(Buffer.from(JSON.stringify(new Array(100_000).fill(0.5)))).then(done);
  },
  async pendingOpen() {
    void open(testDevice).then(done);
  },
  async pendingSvd() {
    const device = await open(testDevice);
    device.linalg.svd(matrix(300)).then(done);
  },
  async pendingLoad() {
    const device = await open(testDevice);
    void device.loadModel(slow).then(done);
  },
  async pendingRun() {
    const device = await open(testDevice);
    const model = await device.loadModel(slow);
    void model.run({ x: row(64) }).then(done);
  },
  async pendingDelay() {
    const device = await open(testDevice);
    const model = await device.loadModel(square, { batching: { maxQueueDelayMicros: 300_000 } });
    void model.run({ x: row() }).then(done);
  },
  async pendingTimeout() {
    const device = await open(testDevice);
    const model = await device.loadModel(square, { batching: { maxQueueDelayMicros: 60e6 } });
    model.run({ x: row() }, { timeoutMicros: 300_000 }).then(
      () => console.error('ran before its timeout'),
      (error) => (error.code === 'ERR_TIMEOUT' ? done() : console.error(error)),
    );
  },
  async pendingDisposal() {
    const device = await open(testDevice);
    const model = await device.loadModel(slow);
    model.run({ x: row(64) });
    device.linalg.svd(matrix(300));
    void device.dispose().then(done);
  },
  async pendingSynchronize() {
    const device = await open(testDevice);
    const stream = await device.streams.acquire();
    device.linalg.svd(matrix(300), { stream });
    void stream.synchronize().then(done);
  },
};

await cases[what]();
