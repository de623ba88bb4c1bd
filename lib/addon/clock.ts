// The real time of a process, with timers below a millisecond.

import type { Timer } from '../../binding.js';
import type { Clock } from '../batching/clock.js';
import { addon } from './load.js';

let timer: Timer | undefined;

export const systemClock: Clock = {
  now: () => performance.now() * 1000,

  after(microseconds, callback) {
    timer ??= new (addon().Timer)();
    const owner = timer;
    const id = owner.schedule(Math.max(0, Math.ceil(microseconds)), callback);
    return () => {
      owner.cancel(id);
    };
  },

  // After the microtasks, so that every caller whose promise was just settled has had its turn.
  endOfTurn: process.nextTick,
};
