// How requests end.
//
// The rules it keeps: every request that was accepted is settled exactly once, what of it is still queued then leaves the queue,
// and its payload is released once no batch with it runs any more. Of a request in several parts the last part settles it, or the
// first that fails. No answer is given after its deadline, though the timer may come later still. Where answers keep their order, one that waits for others is not settled yet: it counts as pending, and may
// still be given up.

import type { LatencyRecorder } from '../../core/latency.js';
import type { MissedDeadline } from '../errors.js';
import { RequestCounters } from '../statistics/counters.js';
import { channels } from '../statistics/events.js';
import type { Clock } from '../time/clock.js';
import type { Watch } from '../time/watch.js';
import { Ordered } from '../waiting/ordered.js';
import type { Queue } from '../waiting/queue.js';
import type { Deadline, QueuedRequest } from '../waiting/request.js';
import { type Executor, Failure } from './executor.js';

export interface SettlementParts<Payload, Result> {
  readonly executor: Executor<Payload, Result>;
  readonly queue: Queue<Payload, Result>;
  readonly watch: Watch<Payload, Result>;
  readonly clock: Clock;
  /** The batcher's, in events. */
  readonly name: string;
  readonly preserveOrdering: boolean;
  readonly latencies: LatencyRecorder | undefined;
}

export class Settlement<Payload, Result> {
  readonly counters: RequestCounters;
  readonly #executor: Executor<Payload, Result>;
  readonly #queue: Queue<Payload, Result>;
  readonly #watch: Watch<Payload, Result>;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #ordered: Ordered<QueuedRequest<Payload, Result>> | undefined;
  #whenNonePends: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor({ executor, queue, watch, clock, name, preserveOrdering, latencies }: SettlementParts<Payload, Result>) {
    this.counters = new RequestCounters(latencies);
    this.#executor = executor;
    this.#queue = queue;
    this.#watch = watch;
    this.#clock = clock;
    this.#name = name;
    this.#ordered = preserveOrdering ? new Ordered() : undefined;
  }

  /** Not accepted: nothing but its reason is counted. */
  refuse(failure: Failure): Failure {
    this.counters.failures[failure.reason]++;
    return failure;
  }

  /** Accepted, and settled at once: the executor did not take over its payload. */
  notHeld(request: { rows: number; level: number; arrived: number }, cause: unknown): Failure {
    const failure = new Failure('failed', cause);
    this.counters.accepted++;
    this.counters.failures.failed++;
    if (channels.request.hasSubscribers) this.#publish(request, failure, this.#clock.now());
    return failure;
  }

  accept(request: QueuedRequest<Payload, Result>): void {
    this.counters.accepted++;
    this.#ordered?.came(request);
  }

  /** Settles a request as a whole. What of it is still queued will not run. */
  settle(request: QueuedRequest<Payload, Result>, outcome: Result | Failure, now = this.#clock.now()): void {
    if (request.settled) return;
    if (request.isLate(now) || !isAnswer(outcome)) {
      this.#tell(request, isAnswer(outcome) ? missed(request.deadline!) : outcome, now);
      this.#ordered?.left(request);
    } else if (this.#ordered === undefined) this.#tell(request, outcome, now);
    else if (!request.answered) {
      this.#end(request);
      this.#ordered.ended(request, () => {
        const now = this.#clock.now();
        this.#tell(request, request.isLate(now) ? missed(request.deadline!) : outcome, now);
      });
    }
  }

  /** Nothing more of it need run. */
  #end(request: QueuedRequest<Payload, Result>): void {
    request.answered = true;
    if (request.turn !== undefined) {
      request.turn = undefined;
      this.#queue.removeWaiting(request);
    }
    if (request.queuedParts > 0) {
      for (const part of request.parts ?? [request]) if (part.list !== undefined) this.#queue.remove(part);
    }
    this.#watch.remove(request);
    this.#release(request);
  }

  #tell(request: QueuedRequest<Payload, Result>, outcome: Result | Failure, now: number): void {
    request.settled = true;
    this.#end(request);
    const { counters } = this;
    if (outcome instanceof Failure) {
      counters.failures[outcome.reason]++;
      if (outcome.reason === 'overloaded') counters.shed++;
    } else {
      counters.completed++;
      counters.totalMicros.record(now - request.arrived);
    }
    if (channels.request.hasSubscribers) this.#publish(request, outcome, now);
    request.resolve(outcome);
    if (this.#whenNonePends !== undefined && counters.pending === 0) this.#whenNonePends.resolve();
  }

  /** A request has run, or a part of one. */
  ran(request: QueuedRequest<Payload, Result>, result: Result | Failure, now: number): void {
    const { whole } = request;
    whole.running--;
    if (result instanceof Failure) {
      // The other reasons are the batcher's own, and it counts by them.
      this.settle(whole, result.reason === 'failed' ? result : new Failure('failed', result.cause), now);
    } else if (whole === request) this.settle(whole, result, now);
    else {
      request.result = result;
      request.settled = true;
      if (whole.parts!.every(({ settled }) => settled)) this.settle(whole, this.#joined(whole.parts!), now);
    }
    this.#release(whole);
  }

  /** Resolves when all that was accepted is settled; nothing more may be accepted then. */
  whenNonePends(): Promise<void> {
    if (this.counters.pending === 0) return Promise.resolve();
    if (this.#whenNonePends === undefined) {
      let resolve!: () => void;
      const promise = new Promise<void>((settled) => {
        resolve = settled;
      });
      this.#whenNonePends = { promise, resolve };
    }
    return this.#whenNonePends.promise;
  }

  #release(request: QueuedRequest<Payload, Result>): void {
    if (!request.answered || request.running > 0 || request.released) return;
    request.released = true;
    this.#executor.release?.(request.payload);
  }

  #joined(parts: readonly QueuedRequest<Payload, Result>[]): Result | Failure {
    try {
      return this.#executor.join!(parts.map(({ result }) => result!));
    } catch (cause) {
      return new Failure('failed', cause);
    }
  }

  #publish(
    { rows, level, arrived }: { rows: number; level: number; arrived: number },
    outcome: Result | Failure,
    now: number,
  ): void {
    channels.request.publish({
      batcher: this.#name,
      outcome: outcome instanceof Failure ? outcome.reason : 'completed',
      rows,
      priority: level + 1,
      totalMicros: now - arrived,
    });
  }
}

/** It is what running it gave, and not that it was given up. */
function isAnswer(outcome: unknown): boolean {
  return !(outcome instanceof Failure) || outcome.reason === 'failed';
}

/** What a request fails with whose deadline is over. */
export function missed({ micros }: Deadline): Failure {
  const cause: MissedDeadline = { deadlineMicros: micros };
  return new Failure('expired', cause);
}
