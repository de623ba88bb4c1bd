// The endings of test/reliability many more times: a crash at the end of a process is a race that shows once in many.

import { describe, it } from 'vitest';
import { runEnding, ways } from '../reliability/endings.js';
import { endsWhileReading, expectOutcome, modelFiles, repeatedly, spawnChild } from '../reliability/support.js';

const files = modelFiles();

describe('with work in flight, 24 times', () => {
  for (const way of ways) {
    it(way.title, () => runEnding(way, files, 24));
  }
});

describe('worker_threads with work in flight, 15 times', () => {
  for (const scenario of ['exit', 'natural', 'terminate']) {
    it(`that end by: ${scenario}`, () =>
      repeatedly(3, 1, async () => {
        const args = [scenario, files.square, files.slow, '5'];
        expectOutcome(await spawnChild('workers.mjs', { args }), { code: 0, printed: ['done'] });
      }));
  }

  it('that are started and terminated at random moments', () =>
    repeatedly(4, 2, async () => {
      const args = ['storm', files.square, files.slow, '20'];
      expectOutcome(await spawnChild('workers.mjs', { args }), { code: 0, printed: ['done'] });
    }));
});

describe('worker_threads that end while lanes read what they were given, 4 times', () => {
  for (const work of ['linalg', 'ops', 'put', 'model', 'sent']) {
    it(work, () => endsWhileReading(work, 'terminate', 4));
  }
});
