// What `device.advise()` says: the rules of lib/batching/statistics/advice.ts over what came since the models were loaded or, where it is asked again
// and again, in the last minute.
//
// The rule it keeps: it costs nothing while nobody asks. What it compares with are looks that were taken when it was asked before.

import { performance } from 'node:perf_hooks';
import { systemClock } from '../addon/clock.js';
import {
  type Advice,
  adviceOn,
  adviceOnProcess,
  type Span,
  type Surroundings,
  spanOf,
} from '../batching/statistics/advice.js';
import type { BatcherStats } from '../batching/statistics/stats.js';
import type { LoadedModels, ServedModel } from '../model/loaded-models.js';
import { type Throttling, throttling } from './container.js';

/** Of how long advice tells, at least, where it is asked more often. */
const spanMicros = 60e6;
/** Looks that follow each other sooner are not kept. */
const leastApart = 2e6;
/** Of so much of the periods of its limit that the process was stopped, it is told. */
const throttledShare = 0.05;

interface Look {
  /** In microseconds, on the scheduler's clock. */
  readonly at: number;
  /** For how long anything has run on the device until then. */
  readonly deviceBusyMicros: number;
  readonly thread: ReturnType<typeof performance.eventLoopUtilization>;
  readonly throttling: Throttling | undefined;
  /** Of models, by what stands for them; a model is not kept alive by it. */
  readonly stats: WeakMap<object, BatcherStats>;
}

export class Advisor {
  readonly #kind: 'cuda' | 'cpu';
  readonly #models: LoadedModels;
  /** What was seen when the device was opened, and then when advice was asked for; the oldest first. */
  readonly #looks: Look[];
  /** What was seen when a model had been loaded. */
  readonly #loaded = new WeakMap<object, Look>();

  constructor(kind: 'cuda' | 'cpu', models: LoadedModels) {
    this.#kind = kind;
    this.#models = models;
    this.#looks = [this.#look([])];
    // What a model has done so far, as it was warmed up, is not counted.
    models.onLoaded = (model) => this.#loaded.set(model, this.#look([models.servedOf(model)]));
  }

  advise(): Advice[] {
    const models = this.#models.served();
    const now = this.#look(models);
    // The last that is old enough, else the oldest.
    const far = this.#looks.findLastIndex(({ at }) => now.at - at >= spanMicros);
    if (far > 0) this.#looks.splice(0, far);
    const before = this.#looks[0]!;
    if (now.at - this.#looks.at(-1)!.at >= leastApart) this.#looks.push(now);
    const spans = models.map((model): [ServedModel, Span, Surroundings] => {
      const from = before.stats.has(model.key) ? before : (this.#loaded.get(model.key) ?? before);
      return [model, spanOf(from.stats.get(model.key), model.stats, passed(from, now)), this.#around(from, now)];
    });
    return [
      ...spans.flatMap(([model, span, around]) => adviceOn(model, span, around)),
      ...adviceOnProcess(
        spans.map(([, span]) => span),
        this.#around(before, now),
      ),
      ...onThrottling(before.throttling, now.throttling),
    ];
  }

  #look(models: readonly ServedModel[]): Look {
    const at = systemClock.now();
    return {
      at,
      deviceBusyMicros: this.#models.busyMicros(at),
      thread: performance.eventLoopUtilization(),
      throttling: throttling(),
      stats: new WeakMap(models.map(({ key, stats }) => [key, stats])),
    };
  }

  #around(from: Look, now: Look): Surroundings {
    return {
      kind: this.#kind,
      deviceBusy: (now.deviceBusyMicros - from.deviceBusyMicros) / passed(from, now),
      threadBusy: performance.eventLoopUtilization(now.thread, from.thread).utilization,
    };
  }
}

const passed = (from: Look, now: Look) => Math.max(1, now.at - from.at);

/** A limit that was set meanwhile counts from its beginning. */
export function onThrottling(before: Throttling | undefined, now: Throttling | undefined): Advice[] {
  if (now === undefined) return [];
  const periods = now.allPeriods - (before?.allPeriods ?? 0);
  const stopped = (now.periods - (before?.periods ?? 0)) / Math.max(1, periods);
  if (periods < 10 || stopped < throttledShare) return [];
  const millis = Math.round((now.micros - (before?.micros ?? 0)) / 1000);
  return [
    {
      rule: 'throttled',
      problem: `the container's limit of CPU time stopped this process in ${Math.round(100 * stopped)}% of its periods, for ${millis.toLocaleString('en-US')} ms of its processors' time`,
      change: 'raise the limit, or compute on fewer threads: open({ threads, streams })',
    },
  ];
}
