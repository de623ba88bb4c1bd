// Callers who ask again soon after they are answered, in simulated time: how many rows a second they get of a model whose times are known.

import { Batcher } from '../../lib/batching/batcher.js';
import type { Batch } from '../../lib/batching/executor.js';
import type { BatcherSettings } from '../../lib/batching/options.js';
import { EventClock, mulberry, normal } from './simulation.js';

export interface TimedModel {
  /** How long a batch takes by itself, in microseconds. */
  readonly micros: (rows: number) => number;
  /** By what part of that it is longer for each other batch at once. */
  readonly shared: number;
  /** The standard deviation of the logarithm. */
  readonly noise: number;
  /** Now and then the whole machine stops for so long. */
  readonly pauseMicros?: number;
}

export interface Phase {
  readonly callers: number;
  readonly seconds: number;
}

/** What was answered, and the batcher as it is at the end. */
export interface Served {
  /** Answers a second from one moment to another, in seconds. */
  rate(from: number, to: number): number;
  readonly batcher: Batcher<string, string>;
}

/** Serves so many callers at a time, one phase after the other; each asks again `thinkMicros` or so after its answer. */
export async function serve(
  model: TimedModel,
  settings: BatcherSettings,
  phases: readonly Phase[],
  { seed, thinkMicros }: { seed: number; thinkMicros: number },
): Promise<Served> {
  const random = mulberry(seed);
  const clock = new EventClock();
  let running = 0;
  const executor = {
    run: ({ payloads, padded }: Batch<string>) =>
      new Promise<readonly string[]>((resolve) => {
        const slower = 1 + model.shared * running++;
        clock.after(model.micros(padded) * slower * Math.exp(model.noise * normal(random)), () => {
          running--;
          resolve(payloads);
        });
      }),
  };
  const batcher = new Batcher<string, string>(executor, settings, { clock });
  const answers: number[] = [];
  let callers = 0;
  let wanted = 0;
  const ask = () => {
    if (callers > wanted) {
      callers--;
      return;
    }
    void batcher.submit('x', { key: '', rows: 1 }).then(() => {
      answers.push(clock.now());
      if (thinkMicros === 0) ask();
      else clock.after(thinkMicros * (0.5 + random()), ask);
    });
  };
  let begins = 0;
  for (const phase of phases) {
    clock.at(begins, () => {
      wanted = phase.callers;
      for (; callers < wanted; callers++) ask();
    });
    begins += phase.seconds * 1e6;
  }
  const { pauseMicros = 0 } = model;
  for (let at = 0; pauseMicros > 0 && at < begins; at += 1e6 * (0.5 + random())) {
    clock.at(at, () => clock.pause(clock.now() + pauseMicros));
  }
  await clock.run(begins);
  return {
    batcher,
    rate: (from, to) => answers.filter((at) => at >= from * 1e6 && at < to * 1e6).length / (to - from),
  };
}
