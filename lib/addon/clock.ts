// The real time of a process, with the addon's timers: a thread of its own sleeps until they are due, so a wait of a fraction of a
// millisecond costs the JS thread nothing.

import type { Timer } from '../../binding.js';
import type { Clock } from '../batching/time/clock.js';
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
