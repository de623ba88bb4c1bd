// A request on its way through the batcher, and the lists that it waits in.

import type { Failure } from '../running/executor.js';
import type { RequestObserver } from '../statistics/observer.js';

/**
 * What is queued and put into batches. A request with more rows than a batch may have is queued as several parts, which
 * share its payload. Each part refers to the request as `whole`, which is settled when all its parts have run, or one fails.
 */
export class QueuedRequest<Payload = unknown, Result = unknown> {
  /** Neighbours in the list that it waits in. */
  previous: QueuedRequest<Payload, Result> | undefined;
  next: QueuedRequest<Payload, Result> | undefined;
  list: RequestList<Payload, Result> | undefined;

  // What few requests have is undefined in the others: a number that is no integer costs each request an object of its own.

  /** How long it may be queued, where that has an end. */
  timeoutMicros: number | undefined;
  /** How long it may take as a whole, where that has an end. */
  deadline: Deadline | undefined;
  /** Its timeout is over, and it runs after all others. */
  delayed = false;
  /** Nothing more of it need run. */
  answered = false;
  /** Its caller has been told. */
  settled = false;
  /** How many parts of it are queued; a request that was not split is its own only part. */
  queuedParts = 0;
  /** How many batches with it, or with parts of it, run. */
  running = 0;
  released = false;
  /** What may still cancel it, and whether it may also while it runs. */
  signal: AbortSignal | undefined;
  abortWhileRunning = false;
  /** Is told of its batches. */
  observer: RequestObserver | undefined;

  /** Of one that had to wait for its turn: when that came. */
  turned: number | undefined;
  /** Of one whose turn has not come: what makes it. */
  turn: Turn<Payload> | undefined;

  whole: QueuedRequest<Payload, Result> = this;
  parts: QueuedRequest<Payload, Result>[] | undefined;
  result: Result | undefined;

  constructor(
    // Of one whose turn has not come, these are not known yet.
    public payload: Payload,
    public key: string,
    public rows: number,
    /** The first of its payload's rows. */
    readonly start: number,
    /** Shares its batch with nobody. */
    public alone: boolean,
    /** From 0, the highest. */
    readonly level: number,
    readonly arrived: number,
    readonly resolve: (outcome: Result | Failure) => void,
  ) {}

  /** Since when it waits in the queue of its key: since it came, or its turn did. */
  get entered(): number {
    return this.turned ?? this.arrived;
  }

  /** Whether its deadline is over. */
  isLate(now: number): boolean {
    return this.deadline !== undefined && this.deadline.at <= now;
  }
}

export interface Deadline {
  readonly micros: number;
  /** When they are over. */
  readonly at: number;
}

/** What of a request says whom it may share a batch with. */
export interface Kind {
  readonly key: string;
  readonly rows: number;
  /** Shares its batch with nobody. */
  readonly alone?: boolean;
}

/** What a request is of. */
export interface Made<Payload> extends Kind {
  readonly payload: Payload;
}

/** The place of a request in a sequence of them, of which each is made of what those before it gave. */
export interface Turn<Payload> {
  /** Settles when all before it have. */
  readonly before: Promise<unknown>;
  /** How many of the sequence wait for their turn already, and how many may; 0: any number. */
  readonly waiting: number;
  readonly maxWaiting: number;
  /** Takes over what the request's caller gave, which waits for that. Called where it is accepted; what it throws, the request fails with. */
  hold(): void;
  /** Called once, when its turn has come, unless it was given up before. What it throws, the request fails with. */
  make(): Made<Payload>;
}

/** The parts of a request with more rows than a batch may have; those that have more themselves, for there would be too many, run alone. */
export function split<Payload, Result>(
  whole: QueuedRequest<Payload, Result>,
  maxRows: number,
  mostParts = Number.POSITIVE_INFINITY,
): QueuedRequest<Payload, Result>[] {
  whole.parts = [];
  const each = Math.max(maxRows, Math.ceil(whole.rows / mostParts));
  for (let start = 0; start < whole.rows; start += each) {
    const rows = Math.min(each, whole.rows - start);
    const { payload, key, level, arrived, resolve } = whole;
    const part = new QueuedRequest<Payload, Result>(payload, key, rows, start, rows > maxRows, level, arrived, resolve);
    part.whole = whole;
    part.turned = whole.turned;
    part.delayed = whole.delayed;
    whole.parts.push(part);
  }
  return whole.parts;
}

/** First in, first out; and out of the middle as quickly. A request is in one list at most. */
export class RequestList<Payload = unknown, Result = unknown> {
  head: QueuedRequest<Payload, Result> | undefined;
  #tail: QueuedRequest<Payload, Result> | undefined;

  push(request: QueuedRequest<Payload, Result>): void {
    request.list = this;
    request.previous = this.#tail;
    if (this.#tail === undefined) this.head = request;
    else this.#tail.next = request;
    this.#tail = request;
  }

  remove(request: QueuedRequest<Payload, Result>): void {
    const { previous, next } = request;
    if (previous === undefined) this.head = next;
    else previous.next = next;
    if (next === undefined) this.#tail = previous;
    else next.previous = previous;
    // What is taken out must not keep its old neighbours alive.
    request.previous = request.next = request.list = undefined;
  }
}
