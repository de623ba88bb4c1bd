// The ways in which a process ends that still has work in flight.

import { type Expected, expectOutcome, repeatedly, spawnChild } from './support.js';

export interface Way {
  readonly name: string;
  readonly title: string;
  readonly expected: Expected;
  readonly signal?: NodeJS.Signals;
}

export const ways: readonly Way[] = [
  { name: 'exit0', title: 'process.exit(0) ends with 0', expected: { code: 0 } },
  { name: 'exit7', title: 'process.exit(7) ends with 7', expected: { code: 7 } },
  {
    name: 'throw',
    title: 'an uncaught exception ends with 1 and is printed',
    expected: { code: 1, stderr: /^Error: thrown on purpose/m },
  },
  {
    name: 'reject',
    title: 'an unhandled rejection ends with 1 and is printed',
    expected: { code: 1, stderr: /^Error: rejected on purpose/m },
  },
  { name: 'sigterm', title: 'SIGTERM ends by that signal', expected: { signal: 'SIGTERM' }, signal: 'SIGTERM' },
  {
    name: 'sigtermHandled',
    title: 'a SIGTERM handler that calls process.exit(5) ends with 5',
    expected: { code: 5 },
    signal: 'SIGTERM',
  },
  { name: 'exitWithWorkers', title: 'process.exit(3) beside busy worker_threads ends with 3', expected: { code: 3 } },
];

/** Ends `count` processes in this way, each at another moment. */
export function runEnding(way: Way, files: { square: string; slow: string }, count: number): Promise<void> {
  return repeatedly(count, 3, async (round) => {
    // Different from one another, and the same from run to run, so that a failure can be repeated.
    const milliseconds = String((round * 17) % 60);
    const outcome = await spawnChild('end-while-busy.mjs', {
      args: [way.name, files.square, files.slow, milliseconds],
      ...(way.signal === undefined ? {} : { signalWhenReady: way.signal }),
    });
    expectOutcome(outcome, { ...way.expected, printed: ['ready'], endsWithinMs: 5000 });
  });
}
