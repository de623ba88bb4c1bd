// What Prometheus is told of TensorFlow Serving's calls, by its names: how many, how they ended, and how long they took.
//
// The rule: labels are models that there are, calls, ways in and words of the one table of errors: never what a client sends.

import { Counter, Histogram, Registry } from 'prom-client';
import { told } from '../core/errors.js';
import type { Engine } from '../engine/engine.js';

export type Entrypoint = 'REST' | 'GRPC';

/** Microseconds, as TensorFlow Serving has them: from 10 on, each 1.8 times the one before. */
const buckets = Array.from({ length: 33 }, (_, power) => 10 * 1.8 ** power);

class TensorflowCounts {
  readonly registry = new Registry();
  readonly #engine: Engine;
  readonly #requests = new Counter({
    name: ':tensorflow:serving:request_count',
    help: 'The total number of requests.',
    labelNames: ['model_name', 'status'],
    registers: [this.registry],
  });
  readonly #latency = new Histogram({
    name: ':tensorflow:serving:request_latency',
    help: 'Distribution of wall time of requests, in microseconds.',
    labelNames: ['model_name', 'API', 'entrypoint'],
    buckets,
    registers: [this.registry],
  });

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Counts what becomes of `work`. */
  async count<T>(model: string, api: string, entrypoint: Entrypoint, work: () => Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      const result = await work();
      this.#ended(model, 'OK');
      this.#latency.observe({ model_name: model, API: api, entrypoint }, (performance.now() - started) * 1000);
      return result;
    } catch (error) {
      this.#ended(model, told(error).status);
      throw error;
    }
  }

  #ended(model: string, status: string): void {
    if (status !== 'OK' && !this.#has(model)) return;
    this.#requests.inc({ model_name: model, status });
  }

  #has(model: string): boolean {
    return !this.#engine.closed && this.#engine.status().some(({ name }) => name === model);
  }
}

const ofEngines = new WeakMap<Engine, TensorflowCounts>();

/** One for all ways to an engine. */
export function tensorflowCounts(engine: Engine): TensorflowCounts {
  let counts = ofEngines.get(engine);
  if (counts === undefined) {
    counts = new TensorflowCounts(engine);
    ofEngines.set(engine, counts);
  }
  return counts;
}
