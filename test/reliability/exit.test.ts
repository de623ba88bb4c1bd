// The process ends while SVDs and model runs are in flight: with the right code or signal, soon, and without a crash.

import { describe, it } from 'vitest';
import { testDevice } from '../support/device.js';
import { runEnding, ways } from './endings.js';
import { expectOutcome, modelFiles, spawnChild } from './support.js';

const files = modelFiles();
/** On the CPU test/long/exit-storm.test.ts ends 24 processes in each way. */
const ends = testDevice === 'cpu' ? 3 : 6;

describe('with work in flight', () => {
  for (const way of ways) {
    it(way.title, () => runEnding(way, files, ends));
  }
});

describe('the event loop', () => {
  const cases: readonly [what: string, title: string][] = [
    ['idleDevice', 'is not kept alive by an open device'],
    ['idleModel', 'is not kept alive by a loaded model that has run, nor by a spent timer'],
    ['heldStream', 'is not kept alive by a stream that is held, nor by a recorded event'],
    ['idleJson', 'is not kept alive by the lanes of JSON'],
    ['pendingJson', 'is kept alive by a JSON text that is read until it settles'],
    ['pendingOpen', 'is kept alive by an open until it settles'],
    ['pendingSvd', 'is kept alive by an svd until it settles'],
    ['pendingLoad', 'is kept alive by a load until it settles'],
    ['pendingRun', 'is kept alive by a model run until it settles'],
    ['pendingDelay', 'is kept alive by a run that waits for its batch'],
    ['pendingTimeout', 'is kept alive by a run that is queued with a timeout'],
    ['pendingDisposal', 'is kept alive by a disposal until it settles'],
    ['pendingSynchronize', 'is kept alive by a synchronize until it settles'],
  ];
  for (const [what, title] of cases) {
    it(title, async () => {
      const args = [what, files.square, files.slow];
      const outcome = await spawnChild('natural-end.mjs', { args });
      expectOutcome(outcome, { code: 0, printed: ['done'], endsWithinMs: 2000 });
    });
  }
});
