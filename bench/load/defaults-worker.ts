// A child process that serves requests through one model, or several in a row, under the default or fixed settings, several of
// which are loaded at once so that they can take turns.

import { type LoadModelOptions, type Model, open } from 'tensorlane';
import { schedule } from '../../lib/cli/load/arrivals.js';
import { serve } from '../../lib/cli/load/child.js';
import { openLoop } from '../../lib/cli/load/open-loop.js';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { type Joint, name } from '../defaults/grid.js';
import type { Step } from '../defaults/subjects.js';
import { closedLoop } from './closed-loop.js';
import { type Phase, phasedLoop } from './phases.js';
import { type Summary, summarise } from './summary.js';

/** Different requests of each shape, sent in turns. */
const REQUESTS = 16;

const device = await open('cpu');

interface Server {
  readonly models: readonly Model[];
  readonly inputs: readonly { readonly input: string; readonly requests: readonly Request[] }[];
}
type Request = { type: 'float32'; data: Float32Array<ArrayBuffer>; dims: number[] };

const servers = new Map<string, Server>();
/** What was found of a model by those loaded before: not every one has to find it again. */
const findings = new Map<string, NonNullable<Model['batching']['finding']>>();

function options(path: string, setting: Joint[number] | undefined): LoadModelOptions {
  if (setting === undefined) return {};
  const finding = findings.get(path);
  const batching = { maxBatchSize: setting.rows, ...(finding && { finding }) };
  return { batching, concurrency: setting.lanes, threads: setting.threads };
}

async function answer({ models, inputs }: Server, index: number): Promise<Float32Array> {
  let last: unknown;
  for (const [i, model] of models.entries()) {
    const { input, requests } = inputs[i] as Server['inputs'][number];
    last = Object.values(await model.run({ [input]: requests[index % requests.length] as Request }))[0];
  }
  return (last as { data: Float32Array }).data;
}

const server = (key: string): Server => {
  const found = servers.get(key);
  if (found === undefined) throw new Error(`nothing is loaded as "${key}"`);
  return found;
};

const methods = {
  /** No `joint`: the default. */
  async load({ key, steps, joint }: { key: string; steps: readonly Step[]; joint?: Joint }): Promise<void> {
    const models: Model[] = [];
    for (const [i, { path }] of steps.entries()) {
      const model = await device.loadModel(path, options(path, joint?.[i]));
      if (model.batching.finding !== undefined) findings.set(path, model.batching.finding);
      models.push(model);
    }
    const inputs = models.map((model, i) => {
      const { shapes } = steps[i] as Step;
      const requests = Array.from({ length: REQUESTS * shapes.length }, (_, k): Request => {
        const dims = [...(shapes[k % shapes.length] as readonly number[])];
        return {
          type: 'float32',
          data: randomFloats(
            dims.reduce((product, dim) => product * dim, 1),
            k + 1,
          ),
          dims,
        };
      });
      return { input: model.inputs[0]?.name ?? '', requests };
    });
    servers.set(key, { models, inputs });
    await answer(server(key), 0); // The first run of all is slow.
  },

  async drop(key: string): Promise<void> {
    const { models } = server(key);
    servers.delete(key);
    for (const model of models) await model.dispose();
  },

  /** What its models aim at now, as a fixed setting is named. */
  aim: (key: string): string =>
    name(
      server(key).models.flatMap((model) => {
        const aim = model.stats().adaptive;
        return aim === undefined ? [] : [{ rows: aim.rows, lanes: aim.atOnce, threads: aim.threads }];
      }),
    ),

  /** Lets go of all that is loaded. */
  async clear(): Promise<void> {
    for (const { models } of servers.values()) for (const model of models) await model.dispose();
    servers.clear();
    findings.clear();
  },

  /** The answers to requests that are all sent at once: for checking that the settings do not change them. */
  answers: ({ key, count }: { key: string; count: number }): Promise<Float32Array[]> =>
    Promise.all(Array.from({ length: count }, (_, i) => answer(server(key), i))),

  /** Over longer than asked, where fewer than `fewest` requests are answered meanwhile. */
  async closedLoop({ key, callers, warmupMs, ms, fewest }: ClosedLoad) {
    const own = server(key);
    for (let longer = 1; longer <= 64; longer *= 2) {
      const durationMs = ms * longer;
      const { throughput, latencyMs } = await closedLoop((i) => answer(own, i), { callers, warmupMs, durationMs });
      // One there always is.
      const enough = fewest === 1 || throughput * durationMs >= 1000 * fewest;
      if (enough) return { throughput, p50: latencyMs.p50, p99: latencyMs.p99 };
    }
    throw new Error(`fewer than ${fewest} requests were answered in ${ms * 64} ms`);
  },

  async openLoop({ key, rate, warmupMs, ms, seed }: OpenLoad): Promise<Summary> {
    const own = server(key);
    const durationMs = warmupMs + ms;
    const times = schedule({ arrivals: 'poisson', rate, durationMs, seed });
    const record = await openLoop((i) => answer(own, i), { times, durationMs, maxInFlight: 4096, drainMs: 2000 });
    return summarise(record, warmupMs);
  },

  phases({ key, phases, spanMs }: { key: string; phases: readonly Phase[]; spanMs: number }): Promise<number[][]> {
    const own = server(key);
    return phasedLoop((i) => answer(own, i), phases, spanMs);
  },
};

interface ClosedLoad {
  readonly key: string;
  readonly callers: number;
  readonly warmupMs: number;
  readonly ms: number;
  readonly fewest: number;
}

interface OpenLoad {
  readonly key: string;
  readonly rate: number;
  readonly warmupMs: number;
  readonly ms: number;
  readonly seed: number;
}

export type DefaultsWorker = typeof methods;

serve(methods, async () => {
  await methods.clear();
  await device[Symbol.asyncDispose]();
});
