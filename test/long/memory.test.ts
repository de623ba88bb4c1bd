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
  readonly heapTotal: number;
  readonly heapUsed: number;
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

/** What is not V8's heap, whose pages come and go by megabytes, and what is used of that. */
const outside = ({ rss, heapTotal }: Sample) => rss - heapTotal;
const inside = ({ heapUsed }: Sample) => heapUsed;

const mean = (samples: readonly Sample[], of: (sample: Sample) => number) =>
  samples.reduce((total, sample) => total + of(sample), 0) / samples.length;

const windowsOf = (samples: readonly Sample[]) => [samples.slice(8, 12), samples.slice(16, 20)] as const;

/** Bytes a round, from the middle of the one window to that of the other. */
function growthsOf(samples: readonly Sample[], rounds: number) {
  const [early, late] = windowsOf(samples);
  const parts = { "what is not V8's heap": outside, "V8's heap": inside };
  return Object.entries(parts).map(([what, of]) => {
    const bytes = (mean(late, of) - mean(early, of)) / ((rounds / 20) * 8);
    const curve = samples.map((sample) => (of(sample) / 2 ** 20).toFixed(1)).join(' ');
    return { bytes, grew: `${what} grew by ${Math.round(bytes)} bytes a round; over time, in MB: ${curve}` };
  });
}

/** Of so many rounds, two fifths are the warm-up: what V8, malloc and the pools keep for good is taken in it. */
const cases: readonly [kind: string, rounds: number, bytesARound: number, title: string][] = [
  ['load', 1250, 2048, 'loading, running and disposing a model'],
  ['traffic', 1250, 4096, 'loading, warming up, running and disposing models while another one serves'],
  ['drop', 1000, 8192, 'loading and running a model that is left to the garbage collector'],
  ['svd', 1250, 1024, 'SVDs, small and above 64 KiB'],
  ['open', 250, 8192, 'opening and disposing a device'],
  ['run', 1250, 2048, 'batched model runs with small and large outputs'],
  ['fail', 2000, 2048, 'requests that fail, expire and are aborted'],
];

describe('memory stays flat over', () => {
  for (const [kind, rounds, bytesARound, title] of cases) {
    it(`${rounds} rounds of ${title}`, async () => {
      let samples = await samplesOf(kind, rounds);
      let growths = growthsOf(samples, rounds);
      // It may have been a step of some megabytes, which malloc or V8 takes once. A leak is the same over twice as many rounds.
      if (growths.some(({ bytes }) => bytes >= bytesARound)) {
        samples = await samplesOf(kind, 2 * rounds);
        growths = growthsOf(samples, 2 * rounds);
      }
      for (const { bytes, grew } of growths) expect(bytes, grew).toBeLessThan(bytesARound);
      const [early, late] = windowsOf(samples);
      for (const key of ['external', 'arrayBuffers'] as const) {
        const change = mean(late, (sample) => sample[key]) - mean(early, (sample) => sample[key]);
        expect(change, `${key} must return to its level, but grew by ${Math.round(change)} bytes`).toBeLessThan(
          64 * 1024,
        );
      }
    });
  }
});
