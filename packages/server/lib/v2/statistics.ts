// Triton's statistics, in nanoseconds.

import type { Engine, ModelReference } from '../engine/engine.js';
import type { Servable } from '../engine/servable.js';
import type { Duration, Responses } from '../engine/statistics.js';

/** Errors: ERR_NOT_FOUND. */
export function modelStatistics(engine: Engine, model: ModelReference | undefined) {
  return { model_stats: servables(engine, model).map(statisticsOf) };
}

function servables(engine: Engine, model: ModelReference | undefined): Servable[] {
  if (model === undefined) return engine.status().flatMap(({ name }) => engine.available(name));
  return model.version === undefined ? engine.available(model.name) : [engine.resolve(model)];
}

function statisticsOf(servable: Servable) {
  const { name, version, statistics } = servable;
  const { success, failure, cancelled, lastInference, computed, batches, responses } = statistics;
  const { rows, executions, queued } = statistics.total(servable.stats());
  return {
    name,
    version: String(version),
    last_inference: lastInference,
    inference_count: rows,
    execution_count: executions,
    inference_stats: {
      success: nanos(success),
      fail: nanos(failure),
      cancel: nanos(cancelled),
      queue: nanos(queued),
      ...phases(computed),
      // There is no cache.
      cache_hit: nothing,
      cache_miss: nothing,
    },
    batch_stats: [...batches]
      .sort(([a], [b]) => a - b)
      .map(([size, duration]) => ({ batch_size: size, ...phases(duration) })),
    memory_usage: [],
    response_stats: Object.fromEntries([...responses].map(([index, one]) => [String(index), responseStatistics(one)])),
  };
}

function responseStatistics({ success, failure, empty, cancelled }: Responses) {
  return {
    compute_infer: nanos(success),
    compute_output: { count: success.count, ns: 0 },
    success: nanos(success),
    fail: nanos(failure),
    empty_response: nanos(empty),
    cancel: nanos(cancelled),
  };
}

const nothing = { count: 0, ns: 0 };

/** Rows are put into a batch while they wait for it, and taken out of it with it: neither takes a time of its own. */
function phases(computed: Duration) {
  const { count } = computed;
  return { compute_input: { count, ns: 0 }, compute_infer: nanos(computed), compute_output: { count, ns: 0 } };
}

function nanos({ count, millis }: Duration) {
  return { count, ns: Math.round(millis * 1e6) };
}
