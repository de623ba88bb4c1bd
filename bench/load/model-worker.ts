// A child process that measures one library's models. Its methods are asked for through Child.

import { serve } from '../../lib/cli/load/child.js';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { sample } from '../micro.js';
import type { Contender, ContenderName, LoadedModel, LoadOptions } from '../peers/contender.js';
import { openContender } from '../peers/open.js';
import { type ClosedLoopOptions, closedLoop } from './closed-loop.js';

export interface ModelSpec {
  readonly path: string;
  readonly input: string;
  /** One request's shape, its leading 1 being the row of a batch. */
  readonly dims: readonly number[];
  /** How many different requests there are; caller i sends the i-th. */
  readonly requests: number;
  readonly options?: LoadOptions;
}

let contender: Contender | undefined;
const loaded = new Map<string, { model: LoadedModel; requests: unknown[] }>();

function get(key: string): { model: LoadedModel; requests: unknown[] } {
  const entry = loaded.get(key);
  if (entry === undefined) throw new Error(`no model "${key}" is loaded`);
  return entry;
}

const methods = {
  async open(name: ContenderName): Promise<void> {
    contender = await openContender(name);
  },

  async load({ key, spec }: { key: string; spec: ModelSpec }): Promise<void> {
    if (contender === undefined) throw new Error('no library is open');
    const model = await contender.load(spec.path, spec.options);
    const length = spec.dims.reduce((product, dim) => product * dim, 1);
    const requests = Array.from({ length: spec.requests }, (_, i) =>
      model.prepare({ [spec.input]: { type: 'float32', data: randomFloats(length, i + 1), dims: spec.dims } }),
    );
    loaded.set(key, { model, requests });
  },

  /** The first output of every request, all of them sent at once: for checking that both libraries answer the same. */
  async answers(key: string): Promise<Float32Array[]> {
    const { model, requests } = get(key);
    const outputs = await Promise.all(requests.map((request) => model.run(request)));
    return outputs.map((output) => Object.values(output)[0]?.data as Float32Array);
  },

  async closedLoop({ key, ...options }: ClosedLoopOptions & { key: string }) {
    const { model, requests } = get(key);
    const before = model.batches();
    const result = await closedLoop((caller) => model.run(requests[caller]), options);
    const after = model.batches();
    if (before === undefined || after === undefined) return { ...result, rowsPerBatch: 1 };
    return { ...result, rowsPerBatch: (after.rows - before.rows) / (after.count - before.count) };
  },

  /** The latencies of `calls` runs one after the other, in milliseconds. */
  async latencies({ key, calls }: { key: string; calls: number }): Promise<number[]> {
    const { model, requests } = get(key);
    return sample(() => model.run(requests[0]), { iterations: calls, warmup: Math.ceil(calls / 10) });
  },
};

export type ModelWorker = typeof methods;

serve(methods, async () => {
  for (const { model } of loaded.values()) await model.close();
  await contender?.close();
});
