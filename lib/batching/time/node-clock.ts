// The real time of a process, by Node's own means: nothing native is loaded for it.
//
// Node's timers count whole milliseconds, and may come one early. So a timer waits for the whole milliseconds that are left, and
// turns of the event loop for the last fraction: everything else goes on in them, but they keep the thread busy, for less than a
// millisecond of each wait. A callback never comes early; how late it comes is in docs/batching.md.

import type { Clock } from './clock.js';

/** The most milliseconds that a timer of Node's can wait. */
const longest = 2 ** 31 - 1;

export const nodeClock: Clock = {
  now: () => performance.now() * 1000,

  after(microseconds, callback) {
    const due = performance.now() + microseconds / 1000;
    let timeout: NodeJS.Timeout | undefined;
    let immediate: NodeJS.Immediate | undefined;
    const wait = () => {
      const left = due - performance.now();
      if (left >= 1) timeout = setTimeout(look, Math.min(Math.floor(left), longest));
      else immediate = setImmediate(look);
    };
    const look = () => {
      if (performance.now() >= due) callback();
      else wait();
    };
    wait();
    return () => {
      clearTimeout(timeout);
      clearImmediate(immediate);
    };
  },

  // After the microtasks, so that every caller whose promise was just settled has had its turn.
  endOfTurn: process.nextTick,
};
