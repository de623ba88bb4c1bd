// A clock that only moves when told to, and an executor whose batches end when told to.

import type { Assembly, Executor } from '../../lib/batching/batcher.js';
import type { Clock } from '../../lib/batching/clock.js';

export class FakeClock implements Clock {
  #now = 0;
  #timers: { at: number; callback: () => void }[] = [];
  #turnEnds: (() => void)[] = [];

  now(): number {
    return this.#now;
  }

  after(microseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + microseconds, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  endOfTurn(callback: () => void): void {
    this.#turnEnds.push(callback);
  }

  get timers(): number {
    return this.#timers.length;
  }

  /** Ends the turn: what was put off to its end runs, and then all promises that can settle. */
  async turn(): Promise<void> {
    for (const callback of this.#turnEnds.splice(0)) callback();
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }

  async advance(microseconds: number): Promise<void> {
    const end = this.#now + microseconds;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#now = Math.max(this.#now, due.at);
      this.#timers = this.#timers.filter((other) => other !== due);
      due.callback();
      await this.turn();
    }
    this.#now = end;
    await this.turn();
  }
}

export interface FakeBatch {
  readonly items: readonly string[];
  readonly startedAt: number;
  finish(): Promise<void>;
  fail(reason: Error): Promise<void>;
}

export class FakeExecutor implements Executor<string, string> {
  /** Batches that run, oldest first. */
  readonly running: FakeBatch[] = [];
  /** What was run, in order. */
  readonly log: string[][] = [];
  opened = 0;
  released = 0;

  constructor(readonly clock: FakeClock) {}

  open(): Assembly<string, string> {
    this.opened++;
    const items: string[] = [];
    let held = true;
    return {
      add: (item) => {
        if (item === 'refused') throw new Error('refused');
        items.push(item);
      },
      run: (places) => {
        if (!held) throw new Error('a batch ran after it was released');
        const mine = places.map((place) => items[place] as string);
        this.log.push(mine);
        return new Promise((resolve, reject) => {
          const done = (settle: () => void) => {
            this.running.splice(this.running.indexOf(batch), 1);
            settle();
            return this.clock.turn();
          };
          const batch: FakeBatch = {
            items: mine,
            startedAt: this.clock.now(),
            finish: () => done(() => resolve(mine.map((item) => item.toUpperCase()))),
            fail: (reason) => done(() => reject(reason)),
          };
          this.running.push(batch);
        });
      },
      release: () => {
        if (!held) throw new Error('a batch was released twice');
        held = false;
        this.released++;
      },
    };
  }
}
