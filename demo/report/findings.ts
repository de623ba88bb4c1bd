// Everything a run found out: the one thing that the page, the terminal's table and summary.json are made from.

import type { DeviceInfo } from 'tensorlane';
import type { DenseRow, DenseRowName } from '../dense.js';
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
  readonly dense: Readonly<Record<DenseRowName, DenseRow>>;
  readonly original: Picture;
  readonly compression: Compression;
}

export const rowsOf = ({ rows }: Findings): Row[] => [
  rows.alone,
  rows.usual,
  rows.single,
  rows.batched,
  rows.peer,
  rows.workers,
];

/** The mean number of items in a batch, over all batches that ran. */
export function meanBatch(sizes: ReadonlyMap<number, number>): number {
  let [items, batches] = [0, 0];
  for (const [size, count] of sizes) {
    items += size * count;
    batches += count;
  }
  return batches === 0 ? 0 : items / batches;
}

/** Within a twentieth two runs of the same thing differ as well. */
const alike = 0.95;

interface Rate {
  readonly name: string;
  readonly perSecond: number;
}

/** How a row stands among the others, in words that follow from the figures whichever way they fall. */
function standing(usual: Rate, others: readonly Rate[]): string {
  const best = others.reduce((first, other) => (other.perSecond > first.perSecond ? other : first));
  const ratio = usual.perSecond / best.perSecond;
  const beside = others
    .map(({ name, perSecond }) => `${(usual.perSecond / perSecond).toFixed(2)} times “${name}”`)
    .join(', ');
  if (ratio >= 1) return `Without options it was the fastest: ${beside}.`;
  if (ratio >= alike) return `Without options it was as fast as the fastest, within a twentieth: ${beside}.`;
  return `Without options it was NOT the fastest in this run, “${best.name}” was: ${beside}.`;
}

/** What the comparison says. */
export function verdict({ rows }: Findings): string {
  const { usual, single, batched, peer, workers } = rows;
  const rate = ({ name, measured }: Row): Rate => ({ name, perSecond: measured.perSecond });
  const calmer = peer.measured.loop.p99 / usual.measured.loop.p99;
  return (
    `${standing(rate(usual), [single, batched, peer, workers].map(rate))} ` +
    `The event loop's p99 delay was ${calmer.toFixed(1)} times as long with onnxruntime-node, awaited.`
  );
}

/** The same of the dense model. */
export function denseVerdict({ dense }: Findings): string {
  const { usual, single, peer, workers } = dense;
  return `${standing(usual, [single, peer, workers])} Its batches had ${usual.rowsPerBatch?.toFixed(1)} rows on average.`;
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
