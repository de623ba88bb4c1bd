// Mixed traffic through the scheduler, on real time, of so many requests; prints the memory twenty times over them:
// batching-soak.mjs REQUESTS
//
// Clients ask one thing after another of several batchers at once: of shapes that come and go, with priorities, with timeouts
// that are over and signals that are aborted while their requests are queued, run, or are done; and some batches fail. Every
// answer is checked to be the client's own. Batchers come and go with their queues full, too.

import { setTimeout as sleep } from 'node:timers/promises';
import { Batched, Failure } from 'tensorlane/batching';

const requests = Number(process.argv[2]);
const clients = 48;

/** Gives each item's rows back, after a while; now and then it fails a batch, or one item of it. */
const executor = {
  held: 0,
  hold() {
    this.held++;
  },
  release() {
    this.held--;
  },
  async run({ payloads, rows, starts }) {
    await sleep(1 + Math.random() * 4);
    const poisoned = payloads.some(({ poison }) => poison === 'throws');
    if (poisoned) throw new Error('poisoned');
    return payloads.map(({ id, poison }, i) =>
      poison === 'fails' ? new Failure('failed', new Error('poisoned')) : [[id, starts?.[i] ?? 0, rows[i]]],
    );
  },
  join: (results) => results.flat(),
};

const kinds = [
  { maxBatchSize: 8 },
  { maxBatchSize: 16, maxQueueDelayMicros: 700, preferredBatchSizes: [4, 8], concurrency: 1 },
  { allowedBatchSizes: [1, 4, 8], preserveOrdering: true, maxQueueSize: 20 },
  { maxBatchSize: 4, priorityLevels: 3, defaultTimeoutMicros: 4000, queuePolicies: { 3: { timeoutAction: 'delay' } } },
  { maxBatchSize: 32, targetLatencyMicros: 20_000 },
];
const make = (i) =>
  new Batched(executor, {
    ...kinds[i % kinds.length],
    rows: ({ rows }) => rows,
    key: ({ key }) => key,
    name: `soak${i}`,
  });
const batchers = kinds.map((_, i) => make(i));
// As a server may give its own to all that it runs.
const everybody = new AbortController();

let asked = 0;
const told = {};
const isOver = () => asked >= requests;

function options(priorityLevels) {
  const dice = Math.random();
  const chosen = Math.random() < 0.5 ? {} : { priority: 1 + Math.floor(Math.random() * priorityLevels) };
  if (dice < 0.2) chosen.timeoutMicros = Math.random() * 3000;
  if (dice < 0.1 || dice > 0.9) chosen.signal = everybody.signal;
  if (dice < 0.5 || dice > 0.7) return chosen;
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('changed my mind')), Math.random() * 8);
  return { ...chosen, signal: controller.signal };
}

async function ask(batcher, levels) {
  const id = asked++;
  const rows = Math.random() < 0.05 ? 1 + Math.floor(Math.random() * 40) : 1;
  // A few shapes at a time, which change as time goes by.
  const key = Math.random() < 0.7 ? 'usual' : `shape${Math.floor(id / 500)}-${id % 7}`;
  const poison = Math.random() < 0.005 ? (Math.random() < 0.5 ? 'throws' : 'fails') : undefined;
  try {
    const parts = await batcher.run({ id, rows, key, poison }, options(levels));
    let next = 0;
    for (const [owner, start, count] of parts) {
      if (owner !== id || start !== next) throw new Error(`WRONG: ${id} got ${JSON.stringify(parts)}`);
      next += count;
    }
    if (next !== rows || poison) throw new Error(`WRONG: ${id} of ${rows} rows got ${JSON.stringify(parts)}`);
    told.completed = (told.completed ?? 0) + 1;
  } catch (error) {
    const kind = error.code ?? error.message;
    if (kind.startsWith('WRONG')) throw error;
    told[kind] = (told[kind] ?? 0) + 1;
  }
}

async function client(i) {
  for (let n = i; !isOver(); n++) {
    const which = n % kinds.length;
    await ask(batchers[which], which === 3 ? 3 : 1);
  }
}

async function comeAndGo() {
  for (let i = 0; !isOver(); i++) {
    const batcher = make(i);
    const asking = Array.from({ length: 10 }, () => ask(batcher, i % kinds.length === 3 ? 3 : 1));
    await batcher.dispose();
    await Promise.all(asking);
    await sleep(100);
  }
}

const samples = [];
async function sample() {
  for (let i = 1; i <= 20; i++) {
    while (asked < (requests * i) / 20) await sleep(5);
    for (let collection = 0; collection < 3; collection++) {
      globalThis.gc();
      await sleep(0);
    }
    const { heapUsed, rss, external } = process.memoryUsage();
    samples.push({ heapUsed, rss, external, asked });
  }
}

await Promise.all([...Array.from({ length: clients }, (_, i) => client(i)), comeAndGo(), sample()]);
const before = batchers.map((batcher) => batcher.stats().requests);
await Promise.all(batchers.map((batcher) => batcher.dispose()));
const pending = before.map((counts) => counts.pending);
// Nothing may keep the process alive now, and a signal that nobody listens to any more tells nobody.
everybody.abort();
const keptAliveBy = process.getActiveResourcesInfo();
console.log(JSON.stringify({ samples, told, held: executor.held, pending, keptAliveBy }));
console.log('ready');
