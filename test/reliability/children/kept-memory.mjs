// Results of 4 MiB that come and go: kept-memory.mjs KIND

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { open, tensor } from 'tensorlane';

const COUNT = 65_536;
const BYTES = COUNT * 64;

const device = await open('cpu');
const ones = tensor(new Float32Array(COUNT * 16).fill(1), [COUNT, 4, 4]);
const filled = (value) => tensor(new Float32Array(COUNT * 16).fill(value), [COUNT, 4, 4]);
const product = (value) => device.linalg.matmul(filled(value), ones);
const kept = () => device.stats().memory.reservedBytes;

/** Until `holds`, which a test's own time limit ends. */
async function until(holds) {
  while (!(await holds())) await sleep(20);
}

async function collect() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The garbage collector, and a second's idleness of this machine, may come between: then once more. */
async function keepSome() {
  await until(async () => {
    await Promise.all([1, 2, 3].map(product));
    await collect();
    return kept() >= BYTES;
  });
}

const kinds = {
  // Of some results an array is held, of others a part of one or nothing. What is held stays as it was.
  async held() {
    const held = [];
    let seen = 0;
    for (let i = 1; i <= 60; i++) {
      const { data } = await product(i);
      if (i % 5 === 0) held.push([i, data]);
      if (i % 5 === 1) held.push([i, data.subarray(1000, 2000)]);
      if (i % 3 === 0) await collect();
      if (kept() > 0) seen++;
    }
    console.log(seen > 0 ? 'some were kept' : 'none was kept');
    const wrong = held.filter(([i, data]) => data.some((value) => value !== 4 * i));
    console.log(`${wrong.length} of ${held.length} are wrong`);
  },

  async reused() {
    await until(async () => {
      await keepSome();
      const before = kept();
      const { data } = await product(7);
      return kept() === before - (before > 0 ? data.byteLength + 64 : 1);
    });
    console.log('a result took what was kept');
  },

  async idle() {
    await keepSome();
    await until(() => kept() === 0);
    console.log('given back');
    const { data } = await product(3);
    console.log(data.every((value) => value === 12));
  },

  async trim() {
    await keepSome();
    // Another result may be collected between the two.
    await until(async () => {
      await device.trim();
      return kept() === 0;
    });
    console.log('given back');
  },

  // V8 knows what JS holds, and nothing of what is kept.
  async external() {
    const { arrayBuffers, external } = process.memoryUsage();
    await keepSome();
    const after = process.memoryUsage();
    for (const grew of [after.arrayBuffers - arrayBuffers, after.external - external]) console.log(grew < BYTES);
  },

  // A worker's results are freed at its end, and others' must not lie where they are before that.
  async workers() {
    const script = `
      import('tensorlane').then(async ({ open, tensor }) => {
        const device = await open('cpu');
        const ones = tensor(new Float32Array(${COUNT * 16}).fill(1), [${COUNT}, 4, 4]);
        globalThis.held = [];
        for (let i = 0; i < 4; i++) globalThis.held.push(await device.linalg.matmul(ones, ones));
        for (let i = 0; i < 4; i++) device.linalg.matmul(globalThis.held[i], ones);
        if (globalThis.held.some(({ data }) => data.some((value) => value !== 4))) throw new Error('wrong');
        process.exit(0);
      });`;
    const held = [];
    for (let round = 1; round <= 5; round++) {
      const ends = [1, 2].map(() => once(new Worker(script, { eval: true }), 'exit'));
      for (let i = 0; i < 4; i++) held.push([round, (await product(round)).data]);
      console.log(`ended with ${(await Promise.all(ends)).flat().join(', ')}`);
    }
    const wrong = held.filter(([i, data]) => data.some((value) => value !== 4 * i));
    console.log(`${wrong.length} of ${held.length} are wrong`);
  },
};

await kinds[process.argv[2]]();
await device.dispose();
console.log('done');
