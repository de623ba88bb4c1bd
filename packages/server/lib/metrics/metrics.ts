// What Prometheus scrapes: tensorlane's own metrics of every version that is served and of the device, Triton's names for the same, and
// TensorFlow Serving's of its own calls.
//
// The rule: labels are models, versions and the device, never what a client sends, so that there are as many as there are models.

import { Counter, Gauge, Registry } from 'prom-client';
import { collectMetrics } from 'tensorlane/metrics';
import { metricsPaths } from '../core/routes.js';
import type { Engine } from '../engine/engine.js';
import type { Servable } from '../engine/servable.js';
import { failureReasons } from '../engine/statistics.js';
import type { Answer, Protocol } from '../http/exchange.js';
import { tensorflowCounts } from '../tfs/counts.js';

type Value = (servable: Servable) => number;

const micros = (millis: number) => millis * 1000;
const total = (servable: Servable) => servable.statistics.total(servable.stats());

/** Triton's, by name: what it says, and of what. */
const counters: Readonly<Record<string, readonly [help: string, value: Value]>> = {
  nv_inference_request_success: ['Requests that succeeded', ({ statistics }) => statistics.success.count],
  nv_inference_count: ['Rows that were computed', (servable) => total(servable).rows],
  nv_inference_exec_count: ['Batches that were computed', (servable) => total(servable).executions],
  nv_inference_request_duration_us: [
    'Microseconds of requests that succeeded, from end to end',
    ({ statistics }) => micros(statistics.success.millis),
  ],
  nv_inference_queue_duration_us: ['Microseconds in the queue', (servable) => micros(total(servable).queued.millis)],
  // Rows are put into a batch while they wait for it, and taken out of it with it.
  nv_inference_compute_input_duration_us: [
    'Microseconds of making inputs ready, which take none of their own',
    () => 0,
  ],
  nv_inference_compute_output_duration_us: ['Microseconds of taking outputs, which take none of their own', () => 0],
  nv_inference_compute_infer_duration_us: [
    'Microseconds of computing, each request as long as its batch',
    ({ statistics }) => micros(statistics.computed.millis),
  ],
};

/** Answers at /metrics, and where TensorFlow Serving has them. */
export function prometheus(engine: Engine): Protocol {
  const metrics = new EngineMetrics(engine);
  return ({ path, method }) =>
    (method === 'GET' || method === 'HEAD') && metricsPaths.includes(path) ? metrics.answer() : undefined;
}

class EngineMetrics {
  readonly #engine: Engine;
  readonly #registry = new Registry();
  readonly #own = collectMetrics({ registers: [this.#registry as never] });
  /** By model and version: what is among the library's own metrics now. */
  readonly #added = new Map<string, Servable>();

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#own.add(engine.device);
    const labelNames = ['model', 'version'] as const;
    const registers = [this.#registry];
    const served = () => this.#served();
    for (const [name, [help, value]] of Object.entries(counters)) {
      new Counter({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          for (const one of served()) this.inc({ model: one.name, version: String(one.version) }, value(one));
        },
      });
    }
    new Counter({
      name: 'nv_inference_request_failure',
      help: 'Requests that failed, by why',
      labelNames: [...labelNames, 'reason'],
      registers,
      collect() {
        this.reset();
        for (const one of served()) {
          for (const reason of failureReasons) {
            const labels = { model: one.name, version: String(one.version), reason };
            this.inc(labels, one.statistics.failures[reason]);
          }
        }
      },
    });
    new Gauge({
      name: 'nv_inference_pending_request_count',
      help: 'Requests that are queued',
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const one of served()) {
          this.set({ model: one.name, version: String(one.version) }, one.stats()?.requests.queued ?? 0);
        }
      },
    });
  }

  async answer(): Promise<Answer> {
    this.#follow();
    const registries = [this.#registry, tensorflowCounts(this.#engine).registry];
    const body = (await Promise.all(registries.map((one) => one.metrics()))).join('\n');
    return { status: 200, headers: { 'content-type': this.#registry.contentType }, body };
  }

  #served(): Servable[] {
    return this.#engine.closed ? [] : this.#engine.status().flatMap(({ name }) => this.#engine.available(name));
  }

  /** Versions come and go. */
  #follow(): void {
    const served = new Map(this.#served().map((one) => [`${one.name}/${one.version}`, one]));
    for (const [key, one] of this.#added) {
      if (served.get(key) === one) continue;
      this.#own.remove(one as never);
      this.#added.delete(key);
    }
    for (const [key, one] of served) {
      if (this.#added.has(key) || one.stats() === undefined) continue;
      this.#own.add(one as never, { version: String(one.version) });
      this.#added.set(key, one);
    }
  }
}
