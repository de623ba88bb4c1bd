// Triton's statistics, in nanoseconds.

import type { Engine, ModelReference } from '../engine/engine.js';
import type { Servable } from '../engine/servable.js';
import type { Duration } from '../engine/statistics.js';

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
  const { success, failure, cancelled, lastInference, computed, batches } = statistics;
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
      compute_infer: nanos(computed),
    },
    batch_stats: [...batches]
      .sort(([a], [b]) => a - b)
      .map(([size, duration]) => ({ batch_size: size, compute_infer: nanos(duration) })),
  };
}

function nanos({ count, millis }: Duration) {
  return { count, ns: Math.round(millis * 1e6) };
}
