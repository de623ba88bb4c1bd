// Everything a run found out: the one thing that the page, the terminal's table and summary.json are made from.

import type { DeviceInfo } from 'tensorlane';
import type { Truth } from '../ocr/images.js';
import type { LoopDelay } from '../ocr/measure.js';
import type { Reading } from '../ocr/pipeline.js';
import type { Picture } from '../ocr/pixels.js';
import type { Row, RowName } from '../ocr/rows.js';
import type { Score } from '../ocr/score.js';
import type { Compression } from '../svd/compress.js';

export interface ReadLine {
  readonly truth: Truth;
  readonly picture: Picture;
  readonly reading: Reading;
  readonly score: Score;
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
}

export interface Findings {
  readonly when: Date;
  readonly short: boolean;
  readonly device: DeviceInfo;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: Machine;
  readonly fonts: readonly string[];
  readonly lines: readonly ReadLine[];
  /** 1 - edits / characters. */
  readonly accuracy: number;
  readonly idle: LoopDelay;
  readonly rows: Readonly<Record<RowName, Row>>;
  readonly original: Picture;
  readonly compression: Compression;
}

export const rowsOf = ({ rows }: Findings): Row[] => [rows.alone, rows.single, rows.batched, rows.peer];

/** The mean number of items in a batch, over all batches that ran. */
export function meanBatch(sizes: ReadonlyMap<number, number>): number {
  let [items, batches] = [0, 0];
  for (const [size, count] of sizes) {
    items += size * count;
    batches += count;
  }
  return batches === 0 ? 0 : items / batches;
}

/** What the comparison says, in words that follow from its figures whichever way they fall. */
export function verdict({ rows }: Findings): string {
  const { single, batched, peer } = rows;
  const ratio = batched.measured.perSecond / single.measured.perSecond;
  const rate = `${ratio.toFixed(2)} times the rate of one at a time`;
  // Within a twentieth two runs of the same thing differ as well.
  const batching =
    ratio > 1.05
      ? `Batching paid here: ${rate}.`
      : ratio < 0.95
        ? `Batching did not pay here: ${rate}. For these models on this device maxBatchSize 1 is the better choice.`
        : `Batching made no difference here: ${rate}.`;
  const calmer = peer.measured.loop.p99 / batched.measured.loop.p99;
  return `${batching} The event loop's p99 delay was ${calmer.toFixed(1)} times as long with onnxruntime-node as with batches on tensorlane.`;
}

/** The findings as plain data, without pixels. */
export function summary(findings: Findings): unknown {
  const { lines, rows, compression, original: _original, ...rest } = findings;
  return {
    ...rest,
    exact: lines.filter((line) => line.score.exact).length,
    lines: lines.map(({ truth, reading, score }) => ({
      ...truth,
      read: reading.text,
      confidence: reading.confidence,
      turned: reading.turned,
      edits: score.edits,
    })),
    rows: Object.fromEntries(
      Object.entries(rows).map(([key, { measured, batches, ...row }]) => {
        const { readings: _readings, ...figures } = measured;
        const sizes =
          batches &&
          Object.fromEntries(Object.entries(batches).map(([model, map]) => [model, Object.fromEntries(map)]));
        return [key, { ...row, ...figures, ...(sizes && { batches: sizes }) }];
      }),
    ),
    compression: {
      ...compression,
      singularValues: compression.singularValues.map((values) => [...values.subarray(0, 32)]),
      results: compression.results.map(({ picture: _picture, ...result }) => result),
    },
  };
}
