// Tells when deadlines are over, with one timer for all of them.
//
// As Node's own timers do, it keeps a list for each duration: there the deadlines come in order, so that adding and taking
// away cost the same however many there are. Where nothing waits, no timer is left, so nothing keeps the process alive.

import type { Clock } from './clock.js';

interface Entry<T> {
  readonly item: T;
  readonly micros: number;
  readonly deadline: number;
}

export class Deadlines<T> {
  readonly #clock: Clock;
  readonly #onOver: (item: T) => void;
  /** By duration. A set keeps the order in which entries came. */
  readonly #lists = new Map<number, Set<Entry<T>>>();
  readonly #entries = new Map<T, Entry<T>>();
  #armed = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, onOver: (item: T) => void) {
    this.#clock = clock;
    this.#onOver = onOver;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(item: T, now: number, micros: number): void {
    let list = this.#lists.get(micros);
    if (list === undefined) {
      list = new Set();
      this.#lists.set(micros, list);
    }
    const entry = { item, micros, deadline: now + micros };
    list.add(entry);
    this.#entries.set(item, entry);
    if (entry.deadline < this.#armed) this.#arm(entry.deadline, micros);
  }

  remove(item: T): void {
    const entry = this.#entries.get(item);
    if (entry === undefined) return;
    this.#entries.delete(item);
    const list = this.#lists.get(entry.micros)!;
    list.delete(entry);
    if (list.size === 0) this.#lists.delete(entry.micros);
    if (this.#entries.size === 0) this.#disarm();
  }

  /** Tells of those that are over by now, though the timer has not come yet. */
  tell(now: number): void {
    if (this.#armed <= now) this.#onTimer();
  }

  #arm(deadline: number, micros: number): void {
    this.#cancelTimer?.();
    this.#armed = deadline;
    this.#cancelTimer = this.#clock.after(micros, this.#onTimer);
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#armed = Number.POSITIVE_INFINITY;
  }

  readonly #onTimer = (): void => {
    this.#disarm();
    const now = this.#clock.now();
    const over: T[] = [];
    let earliest = Number.POSITIVE_INFINITY;
    for (const list of this.#lists.values()) {
      for (const { item, deadline } of list) {
        if (deadline > now) {
          earliest = Math.min(earliest, deadline);
          break;
        }
        over.push(item);
      }
    }
    // Armed first: what is told below may add and remove.
    if (earliest < this.#armed) this.#arm(earliest, earliest - now);
    for (const item of over) {
      if (!this.#entries.has(item)) continue; // taken away by what was told before
      this.remove(item);
      this.#onOver(item);
    }
  };
}
