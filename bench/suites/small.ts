import { Child } from '../../lib/cli/load/child.js';
import type { Among, Large, Small, SmallWorker } from '../load/small-worker.js';
import { ratios } from '../stats.js';
import type { Suite } from '../suite.js';

const LARGE: readonly Exclude<Large, 'none'>[] = ['OCR recognition', 'SVDs'];
const SMALL: readonly Exclude<Small, 'none'>[] = ['imageToTensor', 'matmul'];

/** Who asks for large work. All are answered before a round ends: a short run has fewer. */
const CALLERS: Readonly<Record<Large, number>> = { none: 0, 'OCR recognition': 32, SVDs: 16 };
/** For the large work to fill its lanes and queues. */
const BEFORE_MS = 700;

/** Small operations among large ones: each waits for a core, and for nothing that was asked for before it. */
export const small: Suite = {
  name: 'small',
  about:
    'imageToTensor of a picture and a matmul of 16x16, one every 10 ms, while 32 callers of OCR recognition or 16 SVDs wait',
  figures: LARGE.flatMap((large) => SMALL.map((name) => `${name} among ${large}, p50 against alone`)),
  async run(context) {
    const child = new Child<SmallWorker>(new URL('../load/small-worker.ts', import.meta.url), 'small');
    const rounds = new Map<string, Among[]>();
    const take = async (large: Large, name: Small) => {
      const among = await child.call('among', {
        large,
        callers: context.rounds(CALLERS[large], CALLERS[large] / 8),
        small: name,
        beforeMs: context.rounds(BEFORE_MS, 50),
        ms: context.rounds(2000, 100),
      });
      const key = `${large} ${name}`;
      rounds.set(key, [...(rounds.get(key) ?? []), among]);
    };
    try {
      // Code is cold.
      const cold = {
        callers: context.rounds(32, 1),
        beforeMs: context.rounds(BEFORE_MS, 0),
        ms: context.rounds(600, 50),
      };
      await child.call('among', { large: 'OCR recognition', small: 'imageToTensor', ...cold });
      for (let round = 0; round < context.rounds(3, 1); round++) {
        for (const name of SMALL) await take('none', name);
        for (const large of LARGE) {
          for (const name of ['none', ...SMALL] as const) await take(large, name);
        }
      }
    } finally {
      await child.close();
    }

    const of = (large: Large, name: Small, what: keyof Among) =>
      (rounds.get(`${large} ${name}`) ?? []).map((round) => round[what]);
    for (const name of SMALL) {
      context.add(`${name} alone, p50`, 'ms', of('none', name, 'p50'));
      context.add(`${name} alone, p95`, 'ms', of('none', name, 'p95'));
    }
    for (const large of LARGE) {
      context.add(`${large} alone`, '/s', of(large, 'none', 'throughput'));
      for (const name of SMALL) {
        const among = `${name} among ${large}`;
        context.add(`${among}, p50 against alone`, 'x', ratios(of(large, name, 'p50'), of('none', name, 'p50')), {
          target: { is: '<=', value: 3 },
        });
        context.add(`${among}, p50`, 'ms', of(large, name, 'p50'));
        context.add(`${among}, p95`, 'ms', of(large, name, 'p95'));
        const kept = ratios(of(large, name, 'throughput'), of(large, 'none', 'throughput'));
        context.add(`${large} beside ${name}, against alone`, 'x', kept, {
          remark: `${name} took ${Math.round(of(large, name, 'share')[0]! * 100)}% of the time`,
        });
      }
    }
  },
};
