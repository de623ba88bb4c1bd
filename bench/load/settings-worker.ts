// A child process that measures one model under one setting of its scheduler after the other, by an open loop of its own.

import { type LoadModelOptions, type Model, open } from 'tensorlane';
import { schedule } from '../../lib/cli/load/arrivals.js';
import { serve } from '../../lib/cli/load/child.js';
import { openLoop } from '../../lib/cli/load/open-loop.js';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { median } from '../stats.js';
import { closedLoop } from './closed-loop.js';
import { type Summary, summarise, type Window, windows } from './summary.js';

/** Different requests, sent in turns. */
const REQUESTS = 64;

export interface SettingsSpec {
  readonly path: string;
  /** One request's shape, its leading 1 being the row of a batch. */
  readonly dims: readonly number[];
  readonly options: LoadModelOptions;
}

export interface SettingsLoad {
  /** Requests a second. */
  readonly rate: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly windowMs: number;
  readonly targetMs: number;
  readonly seed: number;
  readonly maxInFlight: number;
}

export interface SettingsResult {
  readonly targetMs: number;
  readonly summary: Summary;
  readonly windows: readonly Window[];
  /** Answers within the target a second. */
  readonly goodput: number;
}

const device = await open('cpu');
let model: Model | undefined;
let dims: readonly number[] = [];
let rows: Float32Array<ArrayBuffer>[] = [];

function run(data: Float32Array<ArrayBuffer>, count = 1): Promise<unknown> {
  return (model as Model).run({ x: { type: 'float32', data, dims: [count, ...dims.slice(1)] } });
}

const isShed = (error: unknown): boolean =>
  ['ERR_OVERLOADED', 'ERR_QUEUE_FULL'].includes(String((error as { code?: string }).code));

const methods = {
  async load(spec: SettingsSpec): Promise<void> {
    await model?.dispose();
    model = await device.loadModel(spec.path, spec.options);
    dims = spec.dims;
    const length = dims.reduce((product, dim) => product * dim, 1);
    rows = Array.from({ length: REQUESTS }, (_, i) => randomFloats(length, i + 1));
    for (const row of rows.slice(0, 8)) await run(row); // The first runs of all are slow.
  },

  /** How long a batch of so many rows takes, in milliseconds: the median of `runs`, one after the other. */
  async batchMs({ size, runs }: { size: number; runs: number }): Promise<number> {
    const data = randomFloats(size * (rows[0]?.length ?? 0), 1);
    const times: number[] = [];
    for (let i = 0; i <= runs; i++) {
      const start = performance.now();
      await run(data, size);
      if (i > 0) times.push(performance.now() - start); // The first has memory to find.
    }
    return median(times);
  },

  /** Requests a second when there are always enough of them. */
  async capacity({ callers, durationMs }: { callers: number; durationMs: number }): Promise<number> {
    const load = { callers, warmupMs: durationMs / 4, durationMs };
    return (await closedLoop((i) => run(rows[i % REQUESTS] as Float32Array<ArrayBuffer>), load)).throughput;
  },

  async openLoop({ rate, warmupMs, measureMs, windowMs, targetMs, seed, maxInFlight }: SettingsLoad) {
    const durationMs = warmupMs + measureMs;
    const times = schedule({ arrivals: 'poisson', rate, durationMs, seed });
    const options = { times, durationMs, maxInFlight, drainMs: 5 * targetMs, isShed };
    const record = await openLoop((i) => run(rows[i % REQUESTS] as Float32Array<ArrayBuffer>), options);
    const all = windows(record, warmupMs, windowMs, targetMs);
    const inTime = all.reduce((sum, window) => sum + window.inTime, 0);
    const goodput = (inTime / (all.length * windowMs)) * 1000;
    return {
      targetMs,
      summary: summarise(record, warmupMs),
      windows: all,
      goodput,
    } satisfies SettingsResult;
  },
};

export type SettingsWorker = typeof methods;

serve(methods, async () => {
  await model?.dispose();
  await device[Symbol.asyncDispose]();
});
