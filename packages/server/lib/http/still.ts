// Whether a client is still, when the time that it has for that is over.
//
// The rule: nobody is cut off for what we did not read: where our own event loop has stood still, timers come first, and what has come meanwhile
// after them.

/** `came`: counts what has come of it. What comes now has to start its timer again. */
export function whereStill(came: () => number, cutOff: () => void): void {
  const before = came();
  setImmediate(() => {
    if (came() === before) cutOff();
  });
}
