// Requests that go through several models on one device, one after the other, in simulated time. The models share the device's cores, and
// the JS thread, which has work of its own between two of them, takes a core from them while it has.

import { Batcher } from '../../lib/batching/batcher.js';
import type { BatcherSettings } from '../../lib/batching/options.js';
import type { Batch } from '../../lib/batching/running/executor.js';
import { Limiter } from '../../lib/batching/running/limiter.js';
import { EventClock, mulberry, normal } from './simulation.js';

/** A model of a chain. */
export interface Link {
  /** How long a batch takes by itself, on one thread, in microseconds. */
  readonly micros: (rows: number) => number;
  /** By what part of that it is longer for each other batch at once, whichever model's. */
  readonly shared: number;
  /** How many times as long it takes where more threads may compute it and no other batch runs. */
  readonly helped: number;
  /** The standard deviation of the logarithm. */
  readonly noise: number;
  /** The shapes that are asked for, each as often as the others: how many times as long a row of it takes. */
  readonly shapes?: readonly number[];
  /** What the JS thread does before it asks. */
  readonly ownMicros: number;
}

interface Work {
  /** What is left of it, in microseconds of a core that has nothing else to do. */
  left: number;
  readonly link: Link;
  readonly helped: number;
  readonly done: () => void;
}

/** What runs on a device goes on as fast as what else runs there lets it. */
class Cores {
  readonly #clock: EventClock;
  readonly #cores: number;
  readonly #works = new Set<Work>();
  #since = 0;
  #jsRuns = false;
  #cancel: (() => void) | undefined;

  constructor(clock: EventClock, cores: number) {
    this.#clock = clock;
    this.#cores = cores;
  }

  add(work: Work): void {
    this.#pass();
    this.#works.add(work);
    this.#next();
  }

  /** Whether the JS thread has something to do. */
  set jsRuns(runs: boolean) {
    this.#pass();
    this.#jsRuns = runs;
    this.#next();
  }

  #speed({ link, helped }: Work): number {
    const others = this.#works.size - 1;
    const room = Math.min(1, (this.#cores - (this.#jsRuns ? 1 : 0)) / this.#works.size);
    const helps = others === 0 && !this.#jsRuns ? helped : 1;
    return room / ((1 + link.shared * others) * helps);
  }

  #pass(): void {
    const now = this.#clock.now();
    for (const work of this.#works) work.left -= (now - this.#since) * this.#speed(work);
    this.#since = now;
  }

  #next(): void {
    this.#cancel?.();
    let soonest = Number.POSITIVE_INFINITY;
    for (const work of this.#works) soonest = Math.min(soonest, Math.max(0, work.left) / this.#speed(work));
    if (soonest < Number.POSITIVE_INFINITY) this.#cancel = this.#clock.after(soonest, () => this.#end());
  }

  #end(): void {
    this.#pass();
    for (const work of this.#works) {
      if (work.left > 1e-3) continue;
      this.#works.delete(work);
      work.done();
    }
    this.#next();
  }
}

/** One piece of work after the other. */
class JsThread {
  readonly #clock: EventClock;
  readonly #cores: Cores;
  readonly #waiting: { readonly micros: number; readonly then: () => void }[] = [];

  constructor(clock: EventClock, cores: Cores) {
    this.#clock = clock;
    this.#cores = cores;
  }

  do(micros: number, then: () => void): void {
    if (micros === 0) {
      then();
      return;
    }
    this.#waiting.push({ micros, then });
    if (this.#waiting.length === 1) this.#begin();
  }

  #begin(): void {
    this.#cores.jsRuns = true;
    this.#clock.after(this.#waiting[0]!.micros, () => {
      this.#waiting.shift()!.then();
      if (this.#waiting.length > 0) this.#begin();
      else this.#cores.jsRuns = false;
    });
  }
}

export interface ServedChain {
  /** Requests that went all the way, a second, from one moment to another, in seconds. */
  rate(from: number, to: number): number;
  readonly batchers: readonly Batcher<string, string>[];
}

/** So many callers send requests through the chain, each the next one when the last one is through. */
export async function serveChain(
  links: readonly Link[],
  settings: readonly BatcherSettings[],
  { callers, seconds, seed, cores = 2 }: { callers: number; seconds: number; seed: number; cores?: number },
): Promise<ServedChain> {
  const random = mulberry(seed);
  const chance = mulberry(seed + 1000);
  const clock = new EventClock();
  const device = new Cores(clock, cores);
  const js = new JsThread(clock, device);
  const limiter = new Limiter(cores);
  const batchers = links.map((link, i) => {
    const run = ({ payloads, padded, threads }: Batch<string>) =>
      new Promise<readonly string[]>((resolve) => {
        const left = link.micros(padded) * Number(payloads[0]) * Math.exp(link.noise * normal(random));
        device.add({ left, link, helped: threads === 1 ? 1 : link.helped, done: () => resolve(payloads) });
      });
    const parts = { clock, limiter: { of: limiter, resources: 1, weight: 1 } };
    return new Batcher<string, string>({ run }, settings[i]!, parts);
  });
  const answers: number[] = [];
  const send = (i: number): void => {
    const link = links[i];
    if (link === undefined) {
      answers.push(clock.now());
      send(0);
      return;
    }
    const { shapes = [1], ownMicros } = link;
    const key = `${shapes[Math.floor(chance() * shapes.length)]}`;
    js.do(ownMicros * (0.7 + 0.6 * chance()), () => {
      void batchers[i]!.submit(key, { key, rows: 1 }).then(() => send(i + 1));
    });
  };
  for (let i = 0; i < callers; i++) clock.at(0, () => send(0));
  await clock.run(seconds * 1e6);
  return {
    batchers,
    rate: (from, to) => answers.filter((at) => at >= from * 1e6 && at < to * 1e6).length / (to - from),
  };
}
