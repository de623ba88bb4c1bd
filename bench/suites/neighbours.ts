import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { Child } from '../../lib/cli/load/child.js';
import type { Load, NeighboursWorker } from '../load/neighbours-worker.js';
import type { Observation } from '../load/reads.js';
import { ratios } from '../stats.js';
import type { Context, Suite } from '../suite.js';

const LOADS: readonly Load[] = ['OCR recognition', 'SVDs'];
const AT_LEAST = { is: '>=', value: 0.9 } as const;

const beside = (load: Load) => `${load} beside neighbours, against lanes of niceness 0`;
const delay = (load: Load) => `${load} without neighbours: event-loop delay p99`;
const reads = (load: Load) => `${load} without neighbours: readFile p99 against idle`;

/** Those who ask are all answered before a round ends, and beside neighbours each answer takes long: a short run has fewer of both. */
const askers = (context: Context) => ({ callers: context.rounds(16, 2), fewest: context.rounds(4, 1) });

type Side = Child<NeighboursWorker>;

/** How far lanes stand back: enough for the event loop where the process is alone, and not behind other processes. */
export const neighbours: Suite = {
  name: 'neighbours',
  about: 'the default of niceness beside as many busy processes as there are cores, and without any',
  figures: LOADS.flatMap((load) => [beside(load), delay(load), reads(load)]),
  async run(context) {
    const script = new URL('../load/neighbours-worker.ts', import.meta.url);
    const usual: Side = new Child(script, 'the default');
    const forward: Side = new Child(script, 'niceness 0', { NICENESS: '0' });
    try {
      await usual.call('idle', context.rounds(300, 50)); // The first reads are slower: code is cold.
      for (const load of LOADS) await alone(load, { usual, forward }, context);
      for (const load of LOADS) await besideOthers(load, { usual, forward }, context);
    } finally {
      await usual.close();
      await forward.close();
    }
  },
};

interface Sides {
  readonly usual: Side;
  readonly forward: Side;
}

async function alone(load: Load, { usual, forward }: Sides, context: Context): Promise<void> {
  const ms = context.rounds(3000, 150);
  const idle: Observation[] = [];
  const rounds = { usual: [] as Observation[], forward: [] as Observation[] };
  const asked = { load, ...askers(context), beforeMs: context.rounds(1500, 50), ms };
  for (let round = 0; round < context.rounds(5, 1); round++) {
    idle.push(await usual.call('idle', ms));
    rounds.usual.push(await usual.call('loaded', asked));
    rounds.forward.push(await forward.call('loaded', asked));
  }
  const p99 = (side: readonly Observation[]) => side.map(({ loop }) => loop.p99);
  const read = (side: readonly Observation[]) => side.map(({ readP99 }) => readP99);
  context.add(delay(load), 'ms', p99(rounds.usual), { target: { is: '<=', value: 3 } });
  context.add(`${delay(load)}, niceness 0`, 'ms', p99(rounds.forward));
  context.add(reads(load), 'x', ratios(read(rounds.usual), read(idle)), { target: { is: '<=', value: 2 } });
  context.add(`${reads(load)}, niceness 0`, 'x', ratios(read(rounds.forward), read(idle)));
  context.add(
    `${load} without neighbours, against lanes of niceness 0`,
    'x',
    ratios(
      rounds.usual.map(({ throughput }) => throughput),
      rounds.forward.map(({ throughput }) => throughput),
    ),
  );
}

async function besideOthers(load: Load, { usual, forward }: Sides, context: Context): Promise<void> {
  const busy = Array.from({ length: availableParallelism() }, neighbour);
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    // From the first moment on: what lanes need to see that they are not alone counts.
    const asked = { load, ...askers(context), beforeMs: 0, ms: context.rounds(8000, 150) };
    const measures = [
      async () => ours.push((await usual.call('loaded', asked)).throughput),
      async () => theirs.push((await forward.call('loaded', asked)).throughput),
    ];
    for (let round = 0; round < context.rounds(4, 1); round++) {
      for (const measure of round % 2 === 0 ? measures : measures.toReversed()) await measure();
    }
  } finally {
    for (const process of busy) process.kill('SIGKILL');
  }
  context.add(beside(load), 'x', ratios(ours, theirs), { target: AT_LEAST });
  context.add(`${load} beside neighbours`, '/s', ours);
}

/** A process that computes all the time. */
function neighbour(): ChildProcess {
  return spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
}
