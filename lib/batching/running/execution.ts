// Hands batches to the executor, and finds the culprits of one that fails.
//
// The rules it keeps:
// 1. When a batch of several requests fails, each is run again alone, once, so that only the culprits fail.
// 2. A batch for which there was no memory is run again in two halves, once, and what fails of these by the first rule; a request that was
//    all of its batch is halved between its rows, where they may be parted.

import type { BatcherSettings } from '../options.js';
import type { BatchCounters } from '../statistics/counters.js';
import type { Clock } from '../time/clock.js';
import type { QueuedRequest } from '../waiting/request.js';
import { type Batch, type Executor, Failure } from './executor.js';

export class Execution<Payload, Result> {
  readonly #executor: Executor<Payload, Result>;
  readonly #allowedBatchSizes: readonly number[] | undefined;
  readonly #partsRows: boolean;
  readonly #counters: BatchCounters;
  readonly #clock: Clock;

  constructor(
    executor: Executor<Payload, Result>,
    { allowedBatchSizes, splitOversize }: BatcherSettings,
    counters: BatchCounters,
    clock: Clock,
  ) {
    this.#executor = executor;
    this.#allowedBatchSizes = allowedBatchSizes;
    this.#partsRows = splitOversize && executor.join !== undefined;
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

  /** A result or a failure for each request, also of a batch that fails. */
  async run(
    batch: Batch<Payload>,
    requests: readonly QueuedRequest<Payload, Result>[],
  ): Promise<{ results: readonly (Result | Failure)[]; retried: boolean }> {
    try {
      return { results: await this.#once(batch), retried: false };
    } catch (cause) {
      const noMemory = (cause as { code?: unknown } | undefined)?.code === 'ERR_OUT_OF_MEMORY';
      const [first] = requests as [QueuedRequest<Payload, Result>];
      const isOne = requests.length === 1;
      const halves = noMemory && (isOne ? this.#partsRows && !first.alone && first.rows > 1 : requests.length > 2);
      if (isOne && !halves) return { results: [new Failure('failed', cause)], retried: false };
      this.#counters.retried++;
      if (!halves) return { results: await this.#eachAlone(requests), retried: true };
      return { results: isOne ? [await this.#halved(first)] : await this.#inHalves(requests), retried: true };
    }
  }

  async #inHalves(requests: readonly QueuedRequest<Payload, Result>[]): Promise<(Result | Failure)[]> {
    const middle = Math.ceil(requests.length / 2);
    const results: (Result | Failure)[] = [];
    for (const half of [requests.slice(0, middle), requests.slice(middle)]) {
      const left = half.filter((request) => !this.#isGone(request));
      const ran = left.length === 0 ? [] : await this.#half(left);
      for (const request of half) results.push(ran[left.indexOf(request)] ?? new Failure('cancelled'));
    }
    return results;
  }

  async #half(requests: readonly QueuedRequest<Payload, Result>[]): Promise<readonly (Result | Failure)[]> {
    try {
      return await this.#once(this.batch(requests));
    } catch (cause) {
      return requests.length === 1 ? [new Failure('failed', cause)] : this.#eachAlone(requests);
    }
  }

  /** One request, the two halves of its rows one after the other. */
  async #halved(request: QueuedRequest<Payload, Result>): Promise<Result | Failure> {
    const { payload, rows, start } = request;
    const parts: Result[] = [];
    const middle = Math.ceil(rows / 2);
    for (const [from, total] of [[0, middle] as const, [middle, rows - middle] as const]) {
      if (this.#isGone(request)) return new Failure('cancelled');
      const padded = this.#paddedTo(request, total);
      try {
        const [result] = await this.#once({
          payloads: [payload],
          rows: [total],
          starts: [start + from],
          total,
          padded,
        });
        if (result instanceof Failure) return result;
        parts.push(result!);
      } catch (cause) {
        return new Failure('failed', cause);
      }
    }
    return this.#executor.join!(parts);
  }

  async #eachAlone(requests: readonly QueuedRequest<Payload, Result>[]): Promise<(Result | Failure)[]> {
    const results: (Result | Failure)[] = [];
    for (const request of requests) {
      results.push(this.#isGone(request) ? new Failure('cancelled') : await this.#alone(request));
    }
    return results;
  }

  /** While another part of it, or the batch, was running. */
  #isGone({ whole }: QueuedRequest<Payload, Result>): boolean {
    return whole.answered || whole.isLate(this.#clock.now());
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
