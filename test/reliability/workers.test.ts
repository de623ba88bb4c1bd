// worker_threads that end with work in flight, each scenario in a process of its own: a crash fails one test only.

import { describe, it } from 'vitest';
import { foreignAddon } from './foreign-addon.js';
import { endsWhileReading, expectOutcome, modelFiles, repeatedly, spawnChild } from './support.js';

const files = modelFiles();
const steps = ['in flight', 'worker gone', 'main goes on', 'done'];

async function runScenario(scenario: string, rounds: number): Promise<void> {
  const args = [scenario, files.square, files.slow, String(rounds)];
  expectOutcome(await spawnChild('workers.mjs', { args }), { code: 0, printed: steps });
}

describe('a worker_thread', () => {
  it('that calls process.exit with work in flight leaves the main thread working', () =>
    repeatedly(2, 2, () => runScenario('exit', 3)));

  it('that ends by itself has all its work settled first', () => repeatedly(2, 2, () => runScenario('natural', 2)));

  it('that is terminated with work in flight leaves the main thread working', () =>
    repeatedly(2, 2, () => runScenario('terminate', 3)));

  it('may be started and terminated 20 times at random moments', () => runScenario('storm', 20));

  it('may be the only one that ever loads the addon', async () => {
    expectOutcome(await spawnChild('worker-only.mjs'), { code: 0, printed: ['worker 0', 'done'] });
  });

  it('computes what it should beside nine others', () => runScenario('ten', 1));
});

describe('a worker_thread that ends while lanes read what it was given', () => {
  for (const work of ['linalg', 'ops', 'put', 'model']) {
    it(`${work}: it is terminated`, () => endsWhileReading(work, 'terminate', 3));
  }
  it('linalg: it calls process.exit', () => endsWhileReading('linalg', 'exit', 3));
  it("its results are another thread's to read", () => endsWhileReading('sent', 'terminate', 3));
});

// Which Node frees when the environment ends, whoever reads it.
const addon = foreignAddon();
describe.skipIf(addon === undefined)("a worker_thread that ends while lanes read another addon's memory", () => {
  for (const work of ['linalg', 'ops', 'put', 'model', 'batches', 'json']) {
    it(`${work}: it is terminated`, () => endsWhileReading(work, 'terminate', 3, addon));
  }
  it('linalg: it calls process.exit', () => endsWhileReading('linalg', 'exit', 3, addon));
});
