// Hands batches to the executor, and finds the culprits of one that fails.
//
// The rule it keeps: when a batch of several requests fails, each is run again alone, once, so that only the culprits fail.

import type { Clock } from './clock.js';
import type { BatchCounters } from './counters.js';
import { type Batch, type Executor, Failure } from './executor.js';
import type { BatcherSettings } from './options.js';
import type { QueuedRequest } from './request.js';

export class Execution<Payload, Result> {
  readonly #executor: Executor<Payload, Result>;
  readonly #allowedBatchSizes: readonly number[] | undefined;
  readonly #counters: BatchCounters;
  readonly #clock: Clock;

  constructor(
    executor: Executor<Payload, Result>,
    { allowedBatchSizes }: BatcherSettings,
    counters: BatchCounters,
    clock: Clock,
  ) {
    this.#executor = executor;
    this.#allowedBatchSizes = allowedBatchSizes;
    this.#counters = counters;
    this.#clock = clock;
  }

  batch(requests: readonly QueuedRequest<Payload, Result>[]): Batch<Payload> {
    const payloads = new Array<Payload>(requests.length);
    const rows = new Array<number>(requests.length);
    let starts: number[] | undefined;
    let total = 0;
    for (let i = 0; i < requests.length; i++) {
      const request = requests[i]!;
      payloads[i] = request.payload;
      rows[i] = request.rows;
      total += request.rows;
      if (request.whole !== request) starts = requests.map(({ start }) => start);
    }
    return { payloads, rows, starts, total, padded: this.#paddedTo(requests[0]!, total) };
  }

  /** The number of rows that a batch of these runs with. */
  rowsOf(requests: readonly QueuedRequest<Payload, Result>[]): number {
    let total = 0;
    for (const { rows } of requests) total += rows;
    return this.#paddedTo(requests[0]!, total);
  }

  /** The number of rows that a batch of so many runs with. */
  padded(total: number): number {
    return this.#allowedBatchSizes?.find((size) => size >= total) ?? total;
  }

  /** A result or a failure for each request. Where the batch fails, each is run again alone, once. */
  async run(
    batch: Batch<Payload>,
    requests: readonly QueuedRequest<Payload, Result>[],
  ): Promise<{ results: readonly (Result | Failure)[]; retried: boolean }> {
    try {
      return { results: await this.#once(batch), retried: false };
    } catch (cause) {
      if (requests.length === 1) return { results: [new Failure('failed', cause)], retried: false };
    }
    this.#counters.retried++;
    const results: (Result | Failure)[] = [];
    for (const request of requests) {
      const { whole } = request;
      const isGone = whole.answered || whole.isLate(this.#clock.now()); // while another part of it, or the batch, was running
      results.push(isGone ? new Failure('cancelled') : await this.#alone(request));
    }
    return { results, retried: true };
  }

  #paddedTo(first: QueuedRequest<Payload, Result>, total: number): number {
    return first.alone ? total : this.padded(total);
  }

  async #alone(request: QueuedRequest<Payload, Result>): Promise<Result | Failure> {
    try {
      return (await this.#once(this.batch([request])))[0]!;
    } catch (cause) {
      return new Failure('failed', cause);
    }
  }

  async #once(batch: Batch<Payload>): Promise<readonly (Result | Failure)[]> {
    const started = this.#clock.now();
    this.#counters.executed(batch.total, batch.padded);
    if (this.#executor.waste !== undefined) this.#countWaste(batch);
    const results = await this.#executor.run(batch);
    this.#counters.computeMicros.record(this.#clock.now() - started);
    const requests = batch.payloads.length;
    if (results.length === requests) return results;
    throw new TypeError(
      `the executor gave ${results.length} results for ${requests} requests; it has to give one for each, in order`,
    );
  }

  #countWaste({ payloads, rows }: Batch<Payload>): void {
    for (let i = 0; i < payloads.length; i++) {
      this.#counters.paddedLengths += rows[i]! * this.#executor.waste!(payloads[i]!);
    }
  }
}
