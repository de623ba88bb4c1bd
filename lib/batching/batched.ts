// Batches a function of the user's own: callers give one item each and get its result, the function sees many at a time.

import { namesOf, plainObject, refuseUnknown, wholeNumber } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import { Batcher } from './batcher.js';
import { errorOf } from './errors.js';
import { type BatcherOptions, batcherOptionNames, completeBatcherOptions } from './options.js';
import { checkRequestOptions, type RequestOptions } from './request-options.js';
import { type Executor, Failure } from './running/executor.js';
import type { BatcherStats } from './statistics/stats.js';
import type { Clock } from './time/clock.js';
import { nodeClock } from './time/node-clock.js';

export interface BatchedOptions<Item> extends BatcherOptions {
  /** How many of a batch's rows an item is; 1 by default. */
  rows?: ((item: Item) => number) | undefined;
  /** Only items with the same key share a batch; by default all do. */
  key?: ((item: Item) => string) | undefined;
  /** Names it in events and metrics. */
  name?: string | undefined;
  /** Time itself, for tests. */
  clock?: Clock | undefined;
}

const names = new Set([...batcherOptionNames, 'rows', 'key', 'name', 'clock']);

const requestNames = namesOf<RequestOptions>({
  signal: true,
  abortWhileRunning: true,
  priority: true,
  timeoutMicros: true,
  deadlineMicros: true,
  observer: true,
});

/**
 * Makes a function of many items one of single items, whose calls share batches as they come.
 *
 *     const embed = batched(async (texts: string[]) => model.embed(texts), { maxBatchSize: 64 });
 *     const vector = await embed.run('one text', { signal });
 *
 * `run` gets the items of a batch, in order, and gives a result for each; an Error among them rejects its caller alone, as
 * it is. Where it rejects, it is called once more for each item by itself, so it should not have effects that are wrong
 * to have twice.
 *
 * Errors: ERR_ARGUMENT.
 */
export function batched<Item, Result>(
  run: (items: Item[]) => Promise<readonly (Result | Error)[]>,
  options: BatchedOptions<Item> = {},
): Batched<Item, Result> {
  isFunction('batched: run', run);
  return new Batched<Item, Result>(
    {
      async run({ payloads }) {
        const results = await run([...payloads]);
        if (!Array.isArray(results)) {
          throw new TensorlaneError('ERR_ARGUMENT', `batched: the function must give an array, got ${typeof results}`);
        }
        return results.map((result) => (result instanceof Error ? new Failure('failed', result) : result));
      },
    },
    // An item is whole: only an executor of its own could take one apart.
    { splitOversize: false, ...plainObject('batched: options', options) },
  );
}

/** A batcher with its own executor; `batched` makes one of a function. */
export class Batched<Item, Result> implements AsyncDisposable {
  readonly name: string;
  readonly #batcher: Batcher<Item, Result>;
  readonly #rows: ((item: Item) => number) | undefined;
  readonly #key: ((item: Item) => string) | undefined;
  #disposal: Promise<void> | undefined;

  /** Errors: ERR_ARGUMENT, naming the option, its value and what is allowed. */
  constructor(executor: Executor<Item, Result>, options: BatchedOptions<Item> = {}) {
    refuseUnknown(plainObject('batched: options', options), names, 'batched');
    const { rows, key, name = 'batched', clock = nodeClock, ...others } = options;
    isFunction('batched: executor.run', plainObject('batched: executor', executor).run);
    if (rows !== undefined) isFunction('batched.rows', rows);
    if (key !== undefined) isFunction('batched.key', key);
    if (typeof name !== 'string') {
      throw new TensorlaneError('ERR_ARGUMENT', `batched.name must be a string, got ${shown(name)}`);
    }
    for (const method of ['now', 'after', 'endOfTurn'] as const) {
      isFunction(`batched.clock.${method}`, plainObject('batched.clock', clock)[method]);
    }
    const settings = completeBatcherOptions(others, 'batched');
    if (settings.splitOversize && executor.join === undefined) {
      throw new TensorlaneError('ERR_ARGUMENT', 'batched.splitOversize needs an executor that can join results');
    }
    this.#rows = rows;
    this.#key = key;
    this.name = name;
    this.#batcher = new Batcher(executor, settings, { clock, name });
  }

  get disposed(): boolean {
    return this.#disposal !== undefined;
  }

  /**
   * Runs an item in a batch with whatever else is waiting.
   *
   * Errors: what the function fails with, as it is; ERR_ABORTED, ERR_TIMEOUT, ERR_QUEUE_FULL, ERR_OVERLOADED, ERR_SHAPE (more
   * rows than a batch may have), ERR_ARGUMENT, ERR_DISPOSED.
   */
  async run(item: Item, options: RequestOptions = {}): Promise<Result> {
    if (this.#batcher.closed) throw new TensorlaneError('ERR_DISPOSED', `${this.name}: it has been disposed`);
    refuseUnknown(plainObject(`${this.name}: options`, options), requestNames, this.name);
    checkRequestOptions(options, this.#batcher.settings, this.name);
    const rows = wholeNumber(`${this.name}: rows of an item`, this.#rows?.(item), 1, 1);
    const key = this.#key === undefined ? '' : String(this.#key(item));
    const outcome = await this.#batcher.submit(item, { key, rows }, options);
    if (!(outcome instanceof Failure)) return outcome;
    if (outcome.reason === 'failed') throw outcome.cause;
    throw errorOf(outcome, this.name);
  }

  /** Counters and histograms, cheap enough to poll. */
  stats(): BatcherStats {
    return this.#batcher.stats();
  }

  /** Refuses new items and lets the accepted ones finish. May be called again. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#batcher.close();
    return this.#disposal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

function isFunction(name: string, value: unknown): void {
  if (typeof value === 'function') return;
  throw new TensorlaneError('ERR_ARGUMENT', `${name} must be a function, got ${shown(value)}`);
}
