// The options of loadModel, checked and completed.

import { TensorlaneError } from '../errors.js';

export interface BatchingOptions {
  /** The most rows of a batch; 32 by default. A request with more rows runs as a batch of its own. */
  maxBatchSize?: number;
  /**
   * How long a batch may wait for more rows while a lane is free, in microseconds; fractions of a millisecond work. 0, the
   * default, never waits on purpose: batches grow only while the ones before them run.
   */
  maxQueueDelayMicros?: number;
}

export interface LoadModelOptions {
  /**
   * How requests share batches; false runs every request alone. By default a model is batched where all its inputs and
   * outputs have a free leading dimension that is surely the batch; options, even empty ones, say that it is.
   */
  batching?: BatchingOptions | false;
  /** Batches in flight at once, each on a lane of its own, over one copy of the weights; 2 by default. */
  concurrency?: number;
  /** Cores that one run may use; the device's by default. */
  threads?: number;
}

export interface ModelSettings {
  readonly batching: 'off' | 'asked' | 'found';
  readonly maxBatchSize: number;
  readonly maxQueueDelayMicros: number;
  readonly concurrency: number;
  readonly threads: number;
}

const batchingNames = new Set(['maxBatchSize', 'maxQueueDelayMicros']);
const names = new Set(['batching', 'concurrency', 'threads']);

/** Errors: ERR_ARGUMENT, naming the option, its value and what is allowed. */
export function completeOptions(options: LoadModelOptions, deviceThreads: number): ModelSettings {
  if (options === null || typeof options !== 'object') {
    throw new TensorlaneError('ERR_ARGUMENT', `loadModel: options must be an object, got ${String(options)}`);
  }
  refuseUnknown(options, names, 'loadModel');
  const batching = options.batching ?? {};
  if (batching !== false) {
    if (batching === null || typeof batching !== 'object') {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `loadModel: batching must be an object or false, got ${String(batching)}`,
      );
    }
    refuseUnknown(batching, batchingNames, 'loadModel: batching');
  }
  const sizes: BatchingOptions = batching === false ? {} : batching;
  return {
    batching: batching === false ? 'off' : options.batching === undefined ? 'found' : 'asked',
    maxBatchSize: wholeNumber('batching.maxBatchSize', sizes.maxBatchSize, 32, 1),
    maxQueueDelayMicros: wholeNumber('batching.maxQueueDelayMicros', sizes.maxQueueDelayMicros, 0, 0),
    concurrency: wholeNumber('concurrency', options.concurrency, 2, 1),
    threads: wholeNumber('threads', options.threads, deviceThreads, 1),
  };
}

export function wholeNumber(name: string, value: number | undefined, otherwise: number, least: number): number {
  if (value === undefined) return otherwise;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new TensorlaneError('ERR_ARGUMENT', `${name} must be an integer of at least ${least}, got ${String(value)}`);
}

export function refuseUnknown(options: object, known: ReadonlySet<string>, what: string): void {
  for (const name of Object.keys(options)) {
    if (known.has(name)) continue;
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what}: there is no option '${name}'; there is ${[...known].join(', ')}`,
    );
  }
}

/** What `run` was given besides its inputs; checked before the request is queued. Errors: ERR_ARGUMENT. */
export function checkRunOptions({ signal, timeoutMicros }: { signal?: unknown; timeoutMicros?: unknown }): void {
  if (signal !== undefined && typeof (signal as AbortSignal | null)?.addEventListener !== 'function') {
    throw new TensorlaneError('ERR_ARGUMENT', `run: signal must be an AbortSignal, got ${String(signal)}`);
  }
  const isTime = (value: unknown) => typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
  if (timeoutMicros !== undefined && !isTime(timeoutMicros)) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `run: timeoutMicros must be a number of at least 0, got ${String(timeoutMicros)}`,
    );
  }
}
