import { Child } from '../../lib/cli/load/child.js';
import type { Observation } from '../load/reads.js';
import type { WaitingWorker } from '../load/waiting-worker.js';
import { ratios } from '../stats.js';
import type { Suite } from '../suite.js';

const WAITING = 64;
const N = 512;

/** What the rest of a server notices of heavy work: nothing, if the work is off both the JS thread and libuv's threads. */
export const waiting: Suite = {
  name: 'waiting',
  about: `event loop and fs.readFile while ${WAITING} SVDs of ${N}x${N} wait, against an idle process`,
  figures: ['event-loop delay p99', 'readFile p99 against idle'],
  async run(context) {
    const child = new Child<WaitingWorker>(new URL('../load/waiting-worker.ts', import.meta.url), 'waiting');
    const idle: Observation[] = [];
    const loaded: Observation[] = [];
    try {
      await child.call('idle', context.rounds(300, 50)); // The first reads are slower: code is cold.
      for (let round = 0; round < context.rounds(5, 1); round++) {
        idle.push(await child.call('idle', context.rounds(3000, 200)));
        loaded.push(await child.call('loaded', { count: context.rounds(WAITING, 16), n: context.rounds(N, N / 2) }));
      }
    } finally {
      await child.close();
    }

    const delay = (rounds: readonly Observation[]) => rounds.map((round) => round.loop.p99);
    const read = (rounds: readonly Observation[]) => rounds.map((round) => round.readP99);
    context.add('event-loop delay p99', 'ms', delay(loaded), { target: { is: '<=', value: 3 } });
    context.add('readFile p99 against idle', 'x', ratios(read(loaded), read(idle)), {
      target: { is: '<=', value: 2 },
      remark: `4 KiB every 2 ms, ${loaded.map(({ reads }) => reads).join(' + ')} reads`,
    });
    context.add('readFile p99, idle', 'ms', read(idle));
    context.add('readFile p99, SVDs waiting', 'ms', read(loaded));
    context.add(
      'readFile p50, idle',
      'ms',
      idle.map(({ readP50 }) => readP50),
    );
    context.add(
      'readFile p50, SVDs waiting',
      'ms',
      loaded.map(({ readP50 }) => readP50),
    );
    context.add('event-loop delay p99, idle', 'ms', delay(idle));
    context.add(
      'event-loop delay max',
      'ms',
      loaded.map(({ loop }) => loop.max),
    );
    context.add(
      'SVDs',
      '/s',
      loaded.map(({ throughput }) => throughput),
    );
  },
};
