// Compression by singular values. Each colour channel is a matrix; keeping its k greatest singular values and their
// vectors keeps k (height + width + 1) numbers of height x width, and no other matrix of rank k comes closer.
// The decomposition of the three channels is one batched call, and each rank's picture is one batched product.

import type { Device } from 'tensorlane';
import { tensor } from 'tensorlane';
import { type LoopDelay, LoopWatch } from '../ocr/measure.js';
import type { Picture } from '../ocr/pixels.js';

const CHANNELS = 3;

export interface RankResult {
  readonly rank: number;
  readonly picture: Picture;
  /** Peak signal-to-noise ratio over all channels, in decibels. */
  readonly psnr: number;
  readonly stored: number;
  /** `stored` over the original's numbers; above 1 the "compressed" form is the larger. */
  readonly share: number;
  /** Of the channels' squared singular values, how much this rank keeps. */
  readonly energy: number;
  readonly millis: number;
}

export interface Compression {
  readonly width: number;
  readonly height: number;
  readonly svdMillis: number;
  readonly svdLoop: LoopDelay;
  /** Each channel's singular values, greatest first: red, green, blue. */
  readonly singularValues: readonly Float32Array[];
  readonly results: readonly RankResult[];
}

export async function compress(
  device: Device,
  original: Picture,
  ranks: readonly number[],
  step: (what: string) => void,
): Promise<Compression> {
  const { width, height } = original;
  const matrix = tensor(channels(original), [CHANNELS, height, width]);
  step(`SVD of ${CHANNELS} matrices of ${height} x ${width}`);
  const watch = new LoopWatch();
  const { factors, svdMillis } = await watch.during(async () => {
    const start = performance.now();
    const factors = await device.linalg.svd(matrix, { mode: 'thin' });
    return { factors, svdMillis: performance.now() - start };
  });
  const { u, s, vt } = factors;
  const most = Math.min(height, width);
  const singularValues = Array.from({ length: CHANNELS }, (_, k) =>
    Float32Array.from(s.data.subarray(k * most, (k + 1) * most)),
  );
  const results: RankResult[] = [];
  for (const rank of ranks) {
    step(`picture of rank ${rank}`);
    const began = performance.now();
    const left = tensor(firstColumns(u.data, height, most, rank, s.data), [CHANNELS, height, rank]);
    const right = tensor(firstRows(vt.data, width, most, rank), [CHANNELS, rank, width]);
    const product = await device.linalg.matmul(left, right);
    const millis = performance.now() - began;
    const picture = fromChannels(product.data, width, height);
    const stored = CHANNELS * rank * (height + width + 1);
    results.push({
      rank,
      picture,
      psnr: psnr(original, picture),
      stored,
      share: stored / (CHANNELS * height * width),
      energy: energy(singularValues, rank),
      millis,
    });
  }
  return { width, height, svdMillis, svdLoop: watch.result(), singularValues, results };
}

/** RGBRGB... as three planes of float32. */
function channels({ data }: Picture): Float32Array {
  const plane = data.length / CHANNELS;
  const out = new Float32Array(data.length);
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let k = 0; k < CHANNELS; k++) out[k * plane + pixel] = data[pixel * CHANNELS + k] as number;
  }
  return out;
}

function fromChannels(values: ArrayLike<number>, width: number, height: number): Picture {
  const plane = width * height;
  const data = new Uint8Array(plane * CHANNELS);
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let k = 0; k < CHANNELS; k++) {
      data[pixel * CHANNELS + k] = Math.min(255, Math.max(0, Math.round(values[k * plane + pixel] as number)));
    }
  }
  return { width, height, data };
}

/** The first `rank` columns of each channel's U, each times its singular value. */
function firstColumns(
  u: ArrayLike<number>,
  rows: number,
  most: number,
  rank: number,
  s: ArrayLike<number>,
): Float32Array {
  const out = new Float32Array(CHANNELS * rows * rank);
  for (let k = 0, to = 0; k < CHANNELS; k++) {
    for (let row = 0; row < rows; row++) {
      const from = (k * rows + row) * most;
      for (let column = 0; column < rank; column++, to++) {
        out[to] = (u[from + column] as number) * (s[k * most + column] as number);
      }
    }
  }
  return out;
}

/** The first `rank` rows of each channel's V transposed. */
function firstRows(vt: Float32Array, columns: number, most: number, rank: number): Float32Array {
  const out = new Float32Array(CHANNELS * rank * columns);
  for (let k = 0; k < CHANNELS; k++) {
    const start = k * most * columns;
    out.set(vt.subarray(start, start + rank * columns), k * rank * columns);
  }
  return out;
}

function psnr(a: Picture, b: Picture): number {
  let sum = 0;
  for (let k = 0; k < a.data.length; k++) sum += ((a.data[k] as number) - (b.data[k] as number)) ** 2;
  return 10 * Math.log10(255 ** 2 / (sum / a.data.length));
}

function energy(singularValues: readonly Float32Array[], rank: number): number {
  const squares = (values: Float32Array): number => values.reduce((sum, value) => sum + value * value, 0);
  const kept = singularValues.reduce((sum, values) => sum + squares(values.subarray(0, rank)), 0);
  return kept / singularValues.reduce((sum, values) => sum + squares(values), 0);
}
