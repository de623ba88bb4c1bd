// A model for which batches pay on a CPU, where those of the pictures need none: four dense layers, whose weights are read once a batch
// and not once a row. The same callers by the same rules: without options, one at a time, and on onnxruntime-node, awaited and in
// worker threads.

import type { Device } from 'tensorlane';
import { models } from '../bench/models.js';
import {
  type LoadModel,
  onOnnxRuntime,
  onTensorlane,
  onWorkerThreads,
  type ServedModel,
  type Values,
} from './ocr/engine.js';
import type { Progress } from './progress.js';
import { chance } from './seeded.js';

export interface DenseRow {
  readonly name: string;
  readonly perSecond: number;
  /** Of a batch while the clock ran; undefined where the library does not tell. */
  readonly rowsPerBatch: number | undefined;
}

export type DenseRowName = 'usual' | 'single' | 'peer' | 'workers';

export interface DenseLoad {
  readonly rounds: number;
  /** Milliseconds of each turn. */
  readonly turn: number;
  readonly inFlight: number;
}

const WIDTH = 2048;
/** Different rows, sent in turns. */
const ROWS = 16;

export async function compareDense(
  device: Device,
  { rounds, turn, inFlight }: DenseLoad,
  progress: Progress,
): Promise<Record<DenseRowName, DenseRow>> {
  const random = chance(WIDTH);
  const rows = Array.from({ length: ROWS }, (): Values => {
    return { data: Float32Array.from({ length: WIDTH }, () => random.next() - 0.5), dims: [1, WIDTH] };
  });
  const one = { maxBatchSize: 1, maxQueueDelayMicros: 0, concurrency: 1 };
  const contenders: readonly [DenseRowName, string, LoadModel][] = [
    ['usual', 'no options', onTensorlane(device)],
    ['single', 'one at a time', onTensorlane(device, one)],
    ['peer', 'onnxruntime-node', onOnnxRuntime],
    ['workers', 'worker threads', onWorkerThreads()],
  ];
  const loaded: ServedModel[] = [];
  try {
    for (const [, , load] of contenders) loaded.push(await load(models.dense(WIDTH)));
    const counted = contenders.map(() => ({ seconds: 0, answers: 0, batches: 0 }));
    for (let round = -1; round < rounds; round++) {
      for (const [index, [, name]] of contenders.entries()) {
        const label = `four dense layers, ${round < 0 ? 'warming up' : `round ${round + 1}`}: ${name}`;
        const model = loaded[index]!;
        const before = batchesOf(model);
        const { seconds, answers } = await progress.stage(label, 0, () => ask(model, rows, turn, inFlight));
        if (round < 0) continue;
        counted[index]!.seconds += seconds;
        counted[index]!.answers += answers;
        counted[index]!.batches += batchesOf(model) - before;
      }
    }
    const named = contenders.map(([key, name], index) => {
      const { seconds, answers, batches } = counted[index]!;
      const rowsPerBatch = batches === 0 ? undefined : answers / batches;
      return [key, { name: `${inFlight} callers, ${name}`, perSecond: answers / seconds, rowsPerBatch }] as const;
    });
    return Object.fromEntries(named) as Record<DenseRowName, DenseRow>;
  } finally {
    await Promise.all(loaded.map((model) => model.dispose()));
  }
}

function batchesOf(model: ServedModel): number {
  let all = 0;
  for (const batches of model.batchSizes?.().values() ?? []) all += batches;
  return all;
}

/** Asks for so many milliseconds, never more than `inFlight` unanswered. */
async function ask(model: ServedModel, rows: readonly Values[], milliseconds: number, inFlight: number) {
  const start = performance.now();
  let answers = 0;
  const caller = async (index: number): Promise<void> => {
    for (let i = index; performance.now() - start < milliseconds; i++) {
      await model.run(rows[i % rows.length] as Values);
      answers++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, index) => caller(index)));
  return { seconds: (performance.now() - start) / 1000, answers };
}
