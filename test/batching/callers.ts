// Callers who ask again soon after they are answered, in simulated time: how many rows a second they get of a model whose times are known.

import { Batcher } from '../../lib/batching/batcher.js';
import type { BatcherSettings } from '../../lib/batching/options.js';
import { EventClock, mulberry, type TimedModel, timedExecutor } from './simulation.js';

export interface ServedModel extends TimedModel {
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
  model: ServedModel,
  settings: BatcherSettings,
  phases: readonly Phase[],
  { seed, thinkMicros }: { seed: number; thinkMicros: number },
): Promise<Served> {
  const random = mulberry(seed);
  const clock = new EventClock();
  const executor = timedExecutor(clock, random, model);
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
