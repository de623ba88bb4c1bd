// What the scheduler itself costs in JS time: batches that take no time, so that nothing else is measured. It is the compiled library that is
// measured: what compiles TypeScript on the way gives each function that is made its name, which costs more than many of them do.

import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../dist/addon/clock.js';
import { Batcher } from '../../dist/batching/batcher.js';
import { type BatcherOptions, completeBatcherOptions } from '../../dist/batching/options.js';
import type { Executor } from '../../dist/batching/running/executor.js';
import type { Clock } from '../../dist/batching/time/clock.js';
import { nodeClock } from '../../dist/batching/time/node-clock.js';
import { ModelExecutor } from '../../dist/model/executor.js';
import { Layout } from '../../dist/model/layout.js';
import type { QueuedRun } from '../../dist/model/page.js';
import { Signature } from '../../dist/model/signature.js';
import type { Suite } from '../suite.js';

const CALLERS = 256;
const ROWS = 64;
const FEATURES = 16;
const DELAY = 300;

export const scheduler: Suite = {
  name: 'scheduler',
  about: 'what the scheduler costs in JS time, without a model behind it',
  figures: ['a request', 'a row'],
  async run(context) {
    const rounds = context.rounds(9, 3);
    const requests = context.rounds(400_000, 20_000);
    const requestMicros: number[] = [];
    const adaptiveMicros: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const plain = await microsPerRequest({}, requests);
      const adaptive = await microsPerRequest({ targetLatencyMicros: 1e6, defaultTimeoutMicros: 1e7 }, requests);
      if (round === 0) continue; // the compiler's
      requestMicros.push(plain);
      adaptiveMicros.push(adaptive);
    }
    context.add('a request', 'us', requestMicros, {
      target: { is: '<=', value: 2 },
      remark: `${CALLERS} callers in batches of ${ROWS}, each calling again when it is answered; the batches take no time`,
    });
    context.add('a request with a target latency and a timeout', 'us', adaptiveMicros);

    const batches = context.rounds(5_000, 300);
    const rowMicros: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const micros = await microsPerRow(batches);
      if (round > 0) rowMicros.push(micros);
    }
    context.add('a row', 'us', rowMicros, {
      target: { is: '<=', value: 0.5 },
      remark: `batches of ${ROWS} requests of one row of ${FEATURES} floats: copied together, and the output taken apart`,
    });

    const clocks = { 'the addon’s timer': systemClock, 'Node’s timers': nodeClock };
    const waits = Object.entries(clocks).map(([name, clock]) => ({
      name,
      clock,
      late: [] as number[],
      cpu: [] as number[],
    }));
    for (let i = context.rounds(300, 20); i > 0; i--) {
      for (const { clock, late, cpu } of waits) {
        const waited = await wait(clock);
        late.push(waited.late);
        cpu.push(waited.cpu);
      }
    }
    for (const { name, late, cpu } of waits) {
      context.add(`a delay of ${DELAY} us, by ${name}: late by`, 'us', late);
      context.add(`a delay of ${DELAY} us, by ${name}: CPU time`, 'us', cpu);
    }
  },
};

async function microsPerRequest(options: BatcherOptions, requests: number): Promise<number> {
  const executor: Executor<number, number> = { run: async ({ payloads }) => payloads };
  const settings = completeBatcherOptions({ maxBatchSize: ROWS, ...options }, 'batching');
  const batcher = new Batcher(executor, settings, { clock: systemClock });
  const started = process.cpuUsage();
  await Promise.all(
    Array.from({ length: CALLERS }, async (_, caller) => {
      for (let i = 0; i < requests / CALLERS; i++) await batcher.submit(caller, { key: '', rows: 1 });
    }),
  );
  const { user, system } = process.cpuUsage(started);
  return (user + system) / requests;
}

/** How much longer than it was to a delay takes, and what of it the process computes, on whichever thread. */
async function wait(clock: Clock): Promise<{ late: number; cpu: number }> {
  // Wherever in a millisecond of the event loop's time.
  await sleep(Math.random() * 3);
  const used = process.cpuUsage();
  const started = clock.now();
  await new Promise<void>((resolve) => clock.after(DELAY, resolve));
  const late = clock.now() - started - DELAY;
  const { user, system } = process.cpuUsage(used);
  return { late, cpu: user + system };
}

/** What a model adds to it: inputs into a slab, outputs out of a buffer. */
async function microsPerRow(batches: number): Promise<number> {
  const value = { kind: 'tensor' as const, type: 'float32' as const, dims: [-1, FEATURES], dimNames: ['N', undefined] };
  const layout = new Layout({ inputs: [{ name: 'x', ...value }], outputs: [{ name: 'y', ...value }] });
  const signature = new Signature(layout, true);
  const outputs = signature.outputIndices(undefined);
  const output = new ArrayBuffer(ROWS * FEATURES * 4);
  const native = {
    describe: () => ({ inputs: [], outputs: [], provider: 'cpu' as const }),
    run: async () => ({ outputs: [{ dims: [ROWS, FEATURES], data: output }], microseconds: 0 }),
    close: async () => {},
  };
  type Native = ConstructorParameters<typeof ModelExecutor>[0];
  const executor = new ModelExecutor(native as unknown as Native, layout, { maxBatchSize: ROWS, concurrency: 1 });
  const feeds = { x: { type: 'float32' as const, data: new Float32Array(FEATURES), dims: [1, FEATURES] } };
  const rows = new Array<number>(ROWS).fill(1);
  const started = process.cpuUsage();
  for (let batch = 0; batch < batches; batch++) {
    const payloads: QueuedRun[] = [];
    for (let row = 0; row < ROWS; row++) {
      const checked = signature.checkFeeds(feeds, true)!;
      payloads.push({ checked, outputs, alone: false, resident: false, log: undefined, page: undefined, place: 0 });
      executor.hold(payloads[row]!);
    }
    await executor.run({ payloads, rows, starts: undefined, total: ROWS, padded: ROWS });
    for (const payload of payloads) executor.release(payload);
  }
  const { user, system } = process.cpuUsage(started);
  return (user + system) / (batches * ROWS);
}
