// Gives requests up: when their signal says so, and when their time is over.
//
// The rule it keeps: a request is watched only while that would change something. Once it runs its timeout means nothing any more,
// and once none of it is queued its signal does not either, unless that was asked for. Its deadline holds until it is settled.

import type { Policy } from '../options.js';
import type { QueuedRequest } from '../waiting/request.js';
import type { Clock } from './clock.js';
import { Deadlines } from './deadlines.js';
import { Signals } from './signals.js';

export interface Watched<Payload, Result> {
  aborted(request: QueuedRequest<Payload, Result>, reason: unknown): void;
  /** It has been queued for too long. */
  overdue(request: QueuedRequest<Payload, Result>): void;
  /** Its deadline is over, whether it runs or not. */
  late(request: QueuedRequest<Payload, Result>): void;
}

/** What a request brings of its own. */
export interface Watching {
  readonly signal?: AbortSignal | undefined;
  readonly abortWhileRunning?: boolean | undefined;
  readonly timeoutMicros?: number | undefined;
  readonly deadlineMicros?: number | undefined;
}

export class Watch<Payload, Result> {
  readonly #signals: Signals<QueuedRequest<Payload, Result>>;
  readonly #timeouts: Deadlines<QueuedRequest<Payload, Result>>;
  readonly #deadlines: Deadlines<QueuedRequest<Payload, Result>>;

  constructor(clock: Clock, { aborted, overdue, late }: Watched<Payload, Result>) {
    this.#signals = new Signals(aborted);
    this.#timeouts = new Deadlines(clock, overdue);
    this.#deadlines = new Deadlines(clock, late);
  }

  /** Whether any request has a deadline. */
  get hasDeadlines(): boolean {
    return this.#deadlines.size > 0;
  }

  add(
    request: QueuedRequest<Payload, Result>,
    { defaultTimeoutMicros, defaultDeadlineMicros, allowTimeoutOverride }: Policy,
    { signal, abortWhileRunning, timeoutMicros, deadlineMicros }: Watching,
  ): void {
    if (signal !== undefined) {
      request.signal = signal;
      request.abortWhileRunning = abortWhileRunning === true;
      this.#signals.add(request, signal);
    }
    const timeout = shorter(defaultTimeoutMicros, allowTimeoutOverride ? timeoutMicros : undefined);
    if (timeout !== never) {
      request.timeoutMicros = timeout;
      this.#timeouts.add(request, request.arrived, timeout);
    }
    const micros = shorter(defaultDeadlineMicros, allowTimeoutOverride ? deadlineMicros : undefined);
    if (micros !== never) {
      request.deadline = { micros, at: request.arrived + micros };
      this.#deadlines.add(request, request.arrived, micros);
    }
  }

  /** It runs now, or was settled. Its signal stays watched while parts of it are queued that need not run. */
  remove(request: QueuedRequest<Payload, Result>): void {
    const { settled, signal } = request;
    if (signal !== undefined && (settled || (request.queuedParts === 0 && !request.abortWhileRunning))) {
      this.#signals.remove(request, signal);
      request.signal = undefined;
    }
    if (request.timeoutMicros !== undefined) {
      this.#timeouts.remove(request);
      request.timeoutMicros = undefined;
    }
    if (settled && request.deadline !== undefined) this.#deadlines.remove(request);
  }

  /** Tells of those whose time is over by now, though the timer has not come yet. */
  tell(now: number): void {
    this.#timeouts.tell(now);
    this.#deadlines.tell(now);
  }
}

const never = Number.POSITIVE_INFINITY;

/** The default, where 0 is none, unless the request's own is shorter. */
function shorter(otherwise: number, own: number | undefined): number {
  const most = otherwise === 0 ? never : otherwise;
  return own === undefined || own > most ? most : own;
}
