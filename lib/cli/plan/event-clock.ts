// Time that passes from one event to the next, for the scheduler and all that is simulated around it.
//
// The rules it keeps:
// 1. Events happen in the order of their times; of two at one time, the one that was made first.
// 2. What was put off to the end of a turn happens after the event that did so, before any other.
// 3. Promises are let settle after an event that may have settled some, and after no other: that is most of what a simulation costs.

import type { Clock } from '../../batching/time/clock.js';

interface Event {
  readonly at: number;
  readonly order: number;
  readonly settles: boolean;
  callback: (() => void) | undefined;
}

/** From the end of a batch to its callers it takes fewer. */
const microtasks = 10;

export class EventClock implements Clock {
  #now = 0;
  #order = 0;
  /** How many events have happened. */
  events = 0;
  /** A binary heap, the earliest event first. */
  readonly #heap: Event[] = [];
  #ends: (() => void)[] = [];

  now(): number {
    return this.#now;
  }

  /** Of the scheduler: what it settles is awaited. */
  after(micros: number, callback: () => void): () => void {
    return this.at(this.#now + micros, callback, true);
  }

  endOfTurn(callback: () => void): void {
    this.#ends.push(callback);
  }

  /** `settles`: whether it may settle promises that others wait for. */
  at(at: number, callback: () => void, settles = false): () => void {
    const event: Event = { at, order: this.#order++, settles, callback };
    this.#push(event);
    return () => {
      event.callback = undefined;
    };
  }

  /**
   * Lets time pass until then. Arrivals, in microseconds and ascending, happen as events do; they settle nothing.
   */
  async run(until: number, arrivals: Iterator<number>, arrive: (at: number) => void): Promise<void> {
    let arrival = arrivals.next();
    for (;;) {
      const first = this.#heap[0];
      if (!arrival.done && arrival.value <= until && (first === undefined || arrival.value < first.at)) {
        this.#now = arrival.value;
        this.events++;
        arrive(arrival.value);
        this.#endTurn();
        arrival = arrivals.next();
        continue;
      }
      if (first === undefined || first.at > until) break;
      this.#pop();
      if (first.callback === undefined) continue;
      this.#now = first.at;
      this.events++;
      first.callback();
      this.#endTurn();
      if (!first.settles) continue;
      for (let i = 0; i < microtasks; i++) await settled;
      this.#endTurn();
    }
    this.#now = until;
  }

  #endTurn(): void {
    while (this.#ends.length > 0) {
      const ends = this.#ends;
      this.#ends = [];
      for (const end of ends) end();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

const settled = Promise.resolve();
const isBefore = (a: Event, b: Event) => a.at < b.at || (a.at === b.at && a.order < b.order);
