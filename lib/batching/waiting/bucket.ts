// The queue of one key: requests that may share a batch. It holds those of every priority, and says which come next.
//
// Order: by when they entered, where a request of a lower priority counts as having come later, by `agingMicros` for each level. So
// higher priorities go first, and yet nobody is passed for ever. Requests whose timeout was over, and which are not given up
// but put off, come after all others.

import { type QueuedRequest, RequestList } from './request.js';

export class Bucket<Payload, Result> {
  rows = 0;
  requests = 0;
  /** For each level its list, and then for each level that of the requests put off. */
  readonly #lists: RequestList<Payload, Result>[];
  readonly #levels: number;
  readonly #agingMicros: number;

  constructor(
    readonly key: string,
    levels: number,
    agingMicros: number,
  ) {
    this.#levels = levels;
    this.#agingMicros = agingMicros;
    this.#lists = Array.from({ length: levels * 2 }, () => new RequestList<Payload, Result>());
  }

  push(request: QueuedRequest<Payload, Result>): void {
    this.#listOf(request).push(request);
    this.rows += request.rows;
    this.requests++;
  }

  remove(request: QueuedRequest<Payload, Result>): void {
    request.list?.remove(request);
    this.rows -= request.rows;
    this.requests--;
  }

  /** Puts a queued request off until all others have run. */
  putOff(request: QueuedRequest<Payload, Result>): void {
    request.list?.remove(request);
    request.delayed = true;
    this.#listOf(request).push(request);
  }

  /** The request that comes next. */
  first(): QueuedRequest<Payload, Result> | undefined {
    const { head } = this.#lists[0]!;
    // One level, and nobody put off, is how nearly all queues are.
    if (this.#levels === 1 && head !== undefined) return head;
    return this.#least(this.#lists.map((list) => list.head));
  }

  /** How early the next request comes, beside those of other buckets. */
  rank(): number {
    const first = this.first();
    return first === undefined ? Number.POSITIVE_INFINITY : this.#rankOf(first);
  }

  /** Rows of the requests that come before another of this level, if no other bucket does. */
  rowsUpTo(level: number): number {
    let rows = 0;
    for (let i = 0; i <= level; i++) {
      for (let request = this.#lists[i]!.head; request !== undefined; request = request.next) rows += request.rows;
    }
    return rows;
  }

  /** When the request that has waited here longest entered. */
  oldest(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { head } of this.#lists) if (head !== undefined && head.entered < oldest) oldest = head.entered;
    return oldest;
  }

  /** All requests, in their order. Each may be taken out once it was given. */
  inOrder(): { next(): QueuedRequest<Payload, Result> | undefined } {
    const heads = this.#lists.map((list) => list.head);
    return {
      next: () => {
        const first = this.#least(heads);
        if (first !== undefined) heads[first.delayed ? this.#levels + first.level : first.level] = first.next;
        return first;
      },
    };
  }

  #listOf({ level, delayed }: QueuedRequest<Payload, Result>): RequestList<Payload, Result> {
    return this.#lists[delayed ? this.#levels + level : level]!;
  }

  #rankOf({ entered, level, delayed }: QueuedRequest<Payload, Result>): number {
    return entered + level * this.#agingMicros + (delayed ? putOffMicros : 0);
  }

  #least(
    requests: readonly (QueuedRequest<Payload, Result> | undefined)[],
  ): QueuedRequest<Payload, Result> | undefined {
    let least: QueuedRequest<Payload, Result> | undefined;
    let rank = Number.POSITIVE_INFINITY;
    for (let i = 0; i < requests.length; i++) {
      const request = requests[i];
      if (request === undefined || this.#rankOf(request) >= rank) continue;
      least = request;
      rank = this.#rankOf(request);
    }
    return least;
  }
}

/** Thirty years: later than anything that a process sees. */
const putOffMicros = 1e15;
