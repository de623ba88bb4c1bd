// Memory stays flat over many rounds: what one round leaves behind shows as growth after a warm-up.
//
// The rounds run in plain Node, without a test runner's own garbage, with one malloc arena, because what memory is scattered
// over arenas is no leak, and with a young generation that stays small: V8 doubles it up to 16 MiB a half when it likes,
// early or late, and the steps look like a leak.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectOutcome, modelFiles, spawnChild } from '../reliability/support.js';
import { dense, masked, recurrent } from '../support/onnx-builder.js';

const files = modelFiles();
beforeAll(() => {
  // 160 kB, so that one which is not freed is seen at once.
  writeFileSync(join(files.folder, 'dense.onnx'), dense({ layers: 1, width: 200 }));
  writeFileSync(join(files.folder, 'recurrent.onnx'), recurrent());
  writeFileSync(join(files.folder, 'masked.onnx'), masked());
});

interface Sample {
  readonly rss: number;
  readonly external: number;
  readonly arrayBuffers: number;
}

/** Twenty samples over the rounds. */
async function samplesOf(kind: string, rounds: number): Promise<readonly Sample[]> {
  const outcome = await spawnChild('flat-memory.mjs', {
    args: [kind, files.folder, String(rounds)],
    nodeArgs: ['--expose-gc', '--max-semi-space-size=2'],
    env: { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '0' },
    takesMs: 200_000,
  });
  expectOutcome(outcome, { code: 0, printed: ['done'] });
  return JSON.parse(outcome.stdout.split('\n')[0]!) as Sample[];
}

const mean = (samples: readonly Sample[], key: keyof Sample) =>
  samples.reduce((total, sample) => total + sample[key], 0) / samples.length;

/**
 * Of so many rounds, two fifths are the warm-up: what V8, malloc and the pools keep for good is taken in it. They are enough for a step of
 * V8's heap of some 2 MB, which comes and goes, to be no growth a round.
 */
const cases: readonly [kind: string, rounds: number, bytesARound: number, title: string][] = [
  ['load', 5000, 2048, 'loading, running and disposing a model'],
  ['traffic', 5000, 4096, 'loading, warming up, running and disposing models while another one serves'],
  ['drop', 1000, 8192, 'loading and running a model that is left to the garbage collector'],
  ['svd', 5000, 1024, 'SVDs, small and above 64 KiB'],
  ['open', 500, 8192, 'opening and disposing a device'],
  ['run', 5000, 2048, 'batched model runs with small and large outputs'],
  ['fail', 8000, 2048, 'requests that fail, expire and are aborted'],
];

describe('memory stays flat over', () => {
  for (const [kind, rounds, bytesARound, title] of cases) {
    it(`${rounds} rounds of ${title}`, async () => {
      const samples = await samplesOf(kind, rounds);
      const [early, late] = [samples.slice(8, 12), samples.slice(16, 20)];
      // From the middle of the one window to that of the other.
      const between = (rounds / 20) * 8;
      const growth = (mean(late, 'rss') - mean(early, 'rss')) / between;
      const curve = samples.map(({ rss }) => Math.round(rss / 2 ** 20)).join(' ');
      expect(growth, `RSS grew by ${Math.round(growth)} bytes a round; over time, in MB: ${curve}`).toBeLessThan(
        bytesARound,
      );
      for (const key of ['external', 'arrayBuffers'] as const) {
        const change = mean(late, key) - mean(early, key);
        expect(change, `${key} must return to its level, but grew by ${Math.round(change)} bytes`).toBeLessThan(
          64 * 1024,
        );
      }
    });
  }
});
