// The bytes of all requests that are not answered yet, and of them those of each client.
//
// The rule: what there is no room for is refused before it is read, with a time after which there may be room: by how fast what is there has
// been answered lately. A client that has as much as one may have is refused, and nobody else is.

import { Refusal } from '../core/errors.js';
import type { Limits } from './limits.js';

/** A request's share of it. */
export interface Lease {
  /** Errors: UNAVAILABLE, where there is no room; RESOURCE_EXHAUSTED (429), where the client has too much of it. */
  take(bytes: number): void;
  /** Of what it took, what is not held any more. */
  give(bytes: number): void;
  /** All that it took. May be called again. */
  release(): void;
}

/** Over how long the rate at which bytes are answered is looked at. */
const windowMillis = 1000;

/** What a client has that is not answered yet. */
interface Share {
  requests: number;
  bytes: number;
  /** With those that are no requests yet. */
  leases: number;
}

export class ByteBudget {
  readonly #limits: Limits;
  readonly #now: () => number;
  /** Of who has any, so that it is as large as what is not answered yet. */
  readonly #clients = new Map<string, Share>();
  #used = 0;
  #windowStart: number;
  #answered = 0;
  /** Bytes a millisecond, of the window before; 0: not known. */
  #rate = 0;

  constructor(limits: Limits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
    this.#windowStart = now();
  }

  get used(): number {
    return this.#used;
  }

  /** `client`: whose it is; undefined where that is not known, and has no limit of its own. */
  lease(client?: string): Lease {
    return this.#lease(client, 1);
  }

  /** Of what still comes, and is no request yet. */
  arriving(client?: string): Lease {
    return this.#lease(client, 0);
  }

  #lease(client: string | undefined, requests: 0 | 1): Lease {
    const { clientRequests, clientBytes } = this.#limits;
    const isLimited = client !== undefined && (clientRequests < Infinity || clientBytes < Infinity);
    const share = isLimited ? this.#shareOf(client) : undefined;
    if (share !== undefined) share.leases++;
    if (share !== undefined) share.requests += requests;
    const isOneTooMany = requests > 0 && share !== undefined && share.requests > clientRequests;
    let held = 0;
    let isReleased = false;
    return {
      take: (bytes) => {
        // NaN is neither more nor less than anything, and would stay in the sum.
        if (!(bytes >= 0)) throw new RangeError(`a budget has no ${bytes} bytes`);
        const free = this.#limits.pendingBytes - this.#used;
        if (isOneTooMany || (share !== undefined && share.bytes + bytes > clientBytes)) throw tooMuch();
        if (held + bytes > this.#limits.pendingBytes) throw never(this.#limits);
        if (bytes > free) throw this.#full(bytes - free);
        this.#used += bytes;
        if (share !== undefined) share.bytes += bytes;
        held += bytes;
      },
      give: (bytes) => {
        if (isReleased) return;
        this.#used -= bytes;
        if (share !== undefined) share.bytes -= bytes;
        held -= bytes;
      },
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#used -= held;
        this.#count(held);
        if (share === undefined) return;
        share.bytes -= held;
        share.requests -= requests;
        share.leases--;
        if (share.leases === 0) this.#clients.delete(client!);
      },
    };
  }

  #shareOf(client: string): Share {
    let share = this.#clients.get(client);
    if (share === undefined) {
      share = { requests: 0, bytes: 0, leases: 0 };
      this.#clients.set(client, share);
    }
    return share;
  }

  #count(bytes: number): void {
    const now = this.#now();
    const passed = now - this.#windowStart;
    this.#answered += bytes;
    if (passed < windowMillis) return;
    this.#rate = this.#answered / passed;
    this.#answered = 0;
    this.#windowStart = now;
  }

  #full(missing: number): Refusal {
    const millis = this.#rate > 0 ? missing / this.#rate : windowMillis;
    return new Refusal('UNAVAILABLE', 'the server has as many bytes of requests as it takes; try again later', {
      retryAfterMicros: Math.ceil(millis * 1000),
    });
  }
}

function never({ pendingBytes }: Limits): Refusal {
  const message = `a request may have ${pendingBytes} bytes here, with what it has in shared memory`;
  return new Refusal('RESOURCE_EXHAUSTED', message, { http: 413 });
}

function tooMuch(): Refusal {
  return new Refusal('RESOURCE_EXHAUSTED', 'this client has as much that is not answered yet as one may have', {
    http: 429,
    retryAfterMicros: windowMillis * 1000,
  });
}
