// Gives queued requests up: when their signal says so, and when their time is over.
//
// The rule it keeps: a request is watched only while that would change something. Once it runs its timeout means nothing any more,
// and once none of it is queued its signal does not either.

import type { Clock } from './clock.js';
import { Deadlines } from './deadlines.js';
import type { Policy } from './options.js';
import type { QueuedRequest } from './request.js';
import { Signals } from './signals.js';

export interface Watched<Payload, Result> {
  aborted(request: QueuedRequest<Payload, Result>, reason: unknown): void;
  overdue(request: QueuedRequest<Payload, Result>): void;
}

export class Watch<Payload, Result> {
  readonly #signals: Signals<QueuedRequest<Payload, Result>>;
  readonly #deadlines: Deadlines<QueuedRequest<Payload, Result>>;

  constructor(clock: Clock, { aborted, overdue }: Watched<Payload, Result>) {
    this.#signals = new Signals(aborted);
    this.#deadlines = new Deadlines(clock, overdue);
  }

  /** `override` is the request's own timeout. */
  add(
    request: QueuedRequest<Payload, Result>,
    { defaultTimeoutMicros, allowTimeoutOverride }: Policy,
    signal: AbortSignal | undefined,
    override: number | undefined,
  ): void {
    if (signal !== undefined) {
      request.signal = signal;
      this.#signals.add(request, signal);
    }
    const own = allowTimeoutOverride ? override : undefined;
    if (defaultTimeoutMicros === 0 && own === undefined) return;
    const timeout = Math.min(own ?? Number.POSITIVE_INFINITY, defaultTimeoutMicros || Number.POSITIVE_INFINITY);
    request.timeoutMicros = timeout;
    this.#deadlines.add(request, request.arrived, timeout);
  }

  /** It runs now, or was settled. Its signal stays watched while parts of it are queued that need not run. */
  remove(request: QueuedRequest<Payload, Result>): void {
    if (request.signal !== undefined && (request.settled || request.queuedParts === 0)) {
      this.#signals.remove(request, request.signal);
      request.signal = undefined;
    }
    if (request.timeoutMicros !== Number.POSITIVE_INFINITY) {
      this.#deadlines.remove(request);
      request.timeoutMicros = Number.POSITIVE_INFINITY;
    }
  }

  /** Tells of those whose time is over by now, though the timer has not come yet. */
  tell(now: number): void {
    this.#deadlines.tell(now);
  }
}
