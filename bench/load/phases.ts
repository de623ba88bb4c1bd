// Callers that come and go: each sends its next request when it has its answer, and stops when there are too many of them.

import { sleep } from '../stats.js';

export interface Phase {
  readonly callers: number;
  readonly ms: number;
}

/** For each phase how many answers came in each of its spans. */
export async function phasedLoop(
  request: (caller: number) => Promise<unknown>,
  phases: readonly Phase[],
  spanMs: number,
): Promise<number[][]> {
  const counts = phases.map(({ ms }) => new Array<number>(Math.ceil(ms / spanMs)).fill(0));
  const running = new Set<number>();
  const all: Promise<void>[] = [];
  let wanted = 0;
  let begun = 0;
  let spans: number[] = [];
  let failed: unknown;
  const caller = async (index: number): Promise<void> => {
    try {
      while (index < wanted) {
        await request(index);
        const span = Math.floor((performance.now() - begun) / spanMs);
        if (span < spans.length) spans[span] = (spans[span] ?? 0) + 1;
      }
    } catch (error) {
      failed ??= error;
      wanted = 0;
    } finally {
      running.delete(index);
    }
  };
  for (const [i, { callers, ms }] of phases.entries()) {
    if (failed !== undefined) break;
    wanted = callers;
    spans = counts[i] as number[];
    begun = performance.now();
    for (let index = 0; index < callers; index++) {
      if (running.has(index)) continue;
      running.add(index);
      all.push(caller(index));
    }
    await sleep(ms);
  }
  wanted = 0;
  await Promise.all(all);
  if (failed !== undefined) throw failed;
  return counts;
}
