// One model alone, of the kind for which batches pay: the direction classifier, which looks at crops of one size. The same callers, by
// the same rules: without options, one at a time, and on onnxruntime-node, awaited and in worker threads.

import type { Device } from 'tensorlane';
import type { Progress } from '../progress.js';
import { directionInput } from './classify.js';
import {
  disposeAll,
  type OcrModel,
  type OcrModels,
  onOnnxRuntime,
  onTensorlane,
  onWorkerThreads,
  type Values,
} from './engine.js';
import type { Picture } from './pixels.js';

export interface ClassifierRow {
  readonly name: string;
  readonly perSecond: number;
  /** Of a batch while the clock ran; undefined where the library does not tell. */
  readonly rowsPerBatch: number | undefined;
}

export type ClassifierRowName = 'usual' | 'single' | 'peer' | 'workers';

export interface ClassifierLoad {
  readonly rounds: number;
  readonly requests: number;
  readonly inFlight: number;
}

/** The classifier is some twenty times as fast as all three models together. */
const TIMES = 20;

export async function compareClassifier(
  device: Device,
  pictures: readonly Picture[],
  { rounds, requests, inFlight }: ClassifierLoad,
  progress: Progress,
): Promise<Record<ClassifierRowName, ClassifierRow>> {
  const inputs = pictures.map((picture) => directionInput(top(picture)));
  const one = { maxBatchSize: 1, maxQueueDelayMicros: 0, concurrency: 1 };
  const contenders: readonly [ClassifierRowName, string, () => Promise<OcrModels>][] = [
    ['usual', 'no options', () => onTensorlane(device)],
    ['single', 'one at a time', () => onTensorlane(device, one)],
    ['peer', 'onnxruntime-node', onOnnxRuntime],
    ['workers', 'worker threads', onWorkerThreads],
  ];
  const loaded: OcrModels[] = [];
  try {
    for (const [, , load] of contenders) loaded.push(await load());
    const count = requests * TIMES;
    const seconds = contenders.map(() => 0);
    const sizes = loaded.map(() => new Map<number, number>());
    for (let round = -1; round < rounds; round++) {
      for (const [index, [, name]] of contenders.entries()) {
        const label =
          round < 0 ? `the classifier alone, warming up: ${name}` : `the classifier alone, round ${round + 1}: ${name}`;
        const model = loaded[index]!.direction;
        const before = model.batchSizes?.();
        const took = await progress.stage(label, 0, () => ask(model, inputs, count, inFlight));
        if (round < 0) continue;
        seconds[index]! += took;
        for (const [size, batches] of model.batchSizes?.() ?? []) {
          const more = batches - (before?.get(size) ?? 0);
          sizes[index]!.set(size, (sizes[index]!.get(size) ?? 0) + more);
        }
      }
    }
    const rows = contenders.map(([key, name], index) => {
      const perSecond = (rounds * count) / seconds[index]!;
      const batches = [...sizes[index]!.values()].reduce((sum, more) => sum + more, 0);
      const rowsPerBatch = batches === 0 ? undefined : (rounds * count) / batches;
      return [key, { name: `${inFlight} callers, ${name}`, perSecond, rowsPerBatch }] as const;
    });
    return Object.fromEntries(rows) as Record<ClassifierRowName, ClassifierRow>;
  } finally {
    await Promise.all(loaded.map(disposeAll));
  }
}

/** Seconds for so many requests, never more than `inFlight` unanswered. */
async function ask(model: OcrModel, inputs: readonly Values[], count: number, inFlight: number): Promise<number> {
  const start = performance.now();
  let sent = 0;
  const caller = async (): Promise<void> => {
    while (sent < count) await model.run(inputs[sent++ % inputs.length] as Values);
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return (performance.now() - start) / 1000;
}

/** A strip of a picture as high as the classifier's input: what it says of it is no matter here. */
function top({ width, data }: Picture): Picture {
  return { width, height: 48, data: data.subarray(0, width * 48 * 3) };
}
