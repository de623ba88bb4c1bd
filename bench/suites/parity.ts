import { randomFloats } from '../../test/support/onnx-builder.js';
import { models } from '../models.js';
import type { HostTensors, LoadedModel, LoadOptions } from '../peers/contender.js';
import { openContender } from '../peers/open.js';
import { maxAbsError } from '../stats.js';
import type { Context, Suite } from '../suite.js';
import { textImages } from '../text-image.js';

const TOLERANCE = { is: '<=', value: 1e-5 } as const;
/** Different requests of each shape. */
const REQUESTS = 4;
const VAD_STEPS = 20;
/** Said by hand: where batches do not pay, a model learns to run each request alone, and nothing would be shown. */
const BATCHED: LoadOptions = { maxBatchSize: 16, concurrency: 1 };

interface OcrModel {
  readonly path: () => string;
  readonly shapes: readonly (readonly number[])[];
}

const OCR: Readonly<Record<string, OcrModel>> = {
  'OCR detection': {
    path: models.detection,
    shapes: [
      [1, 3, 96, 160],
      [2, 3, 96, 160],
      [1, 3, 64, 64],
      [3, 3, 64, 128],
    ],
  },
  'OCR recognition': {
    path: models.recognition,
    shapes: [
      [1, 3, 48, 160],
      [3, 3, 48, 160],
      [1, 3, 48, 320],
      [2, 3, 48, 480],
    ],
  },
  'OCR classifier': {
    path: models.classifier,
    shapes: [
      [1, 3, 48, 192],
      [2, 3, 48, 192],
      [5, 3, 48, 192],
    ],
  },
};

const alone = (name: string) => `${name}, alone`;
const among = (name: string) => `${name}, among others`;

/** The same answers as onnxruntime-node, whether a request has a batch to itself or shares one. */
export const parity: Suite = {
  name: 'parity',
  about: 'outputs of real models against onnxruntime-node: the largest absolute error',
  figures: [...Object.keys(OCR).flatMap((name) => [alone(name), among(name)]), 'Silero VAD'],
  async run(context) {
    for (const [name, { path, shapes }] of Object.entries(OCR)) {
      await withBoth(path(), BATCHED, (ours, theirs) => compareOcr(context, name, shapes, ours, theirs));
    }
    await withBoth(models.voiceActivity(), {}, (ours, theirs) => compareVad(context, ours, theirs));
  },
};

async function withBoth(
  path: string,
  options: LoadOptions,
  body: (ours: LoadedModel, theirs: LoadedModel) => Promise<void>,
): Promise<void> {
  const libraries = [await openContender('tensorlane'), await openContender('onnxruntime-node')];
  const loaded = await Promise.all(libraries.map((library) => library.load(path, options)));
  try {
    await body(loaded[0] as LoadedModel, loaded[1] as LoadedModel);
  } finally {
    for (const model of loaded) await model.close();
    for (const library of libraries) await library.close();
  }
}

async function compareOcr(
  context: Context,
  name: string,
  shapes: OcrModel['shapes'],
  ours: LoadedModel,
  theirs: LoadedModel,
): Promise<void> {
  const requests: HostTensors[] = [];
  // Shapes take turns, so that requests which may share a batch do not come one after the other.
  for (let i = 0; i < context.rounds(REQUESTS, 2); i++) {
    for (const dims of shapes) {
      const data = textImages(dims, requests.length + 1);
      requests.push({ x: { type: 'float32', data, dims } });
    }
  }

  const errors: { alone: number[]; among: number[] } = { alone: [], among: [] };
  const expected: HostTensors[] = [];
  for (const request of requests) {
    const reference = await theirs.run(theirs.prepare(request));
    expected.push(reference);
    errors.alone.push(difference(await ours.run(ours.prepare(request)), reference));
  }
  // A comparison of answers that are all alike would prove nothing.
  if (difference(expected[0] as HostTensors, expected[shapes.length] as HostTensors) <= TOLERANCE.value) {
    throw new Error(`${name}: different requests have the same answer`);
  }

  const before = ours.batches();
  const together = await Promise.all(requests.map((request) => ours.run(ours.prepare(request))));
  for (const [i, outputs] of together.entries()) errors.among.push(difference(outputs, expected[i] as HostTensors));

  const after = ours.batches();
  if (before === undefined || after === undefined) throw new Error(`${name}: the model is not batched`);
  const batches = after.count - before.count;
  if (batches >= requests.length) throw new Error(`${name}: no request shared its batch with another`);

  const remark = `the largest of ${requests.length} requests of ${shapes.length} shapes`;
  context.add(alone(name), '', [Math.max(...errors.alone)], { target: TOLERANCE, remark });
  context.add(among(name), '', [Math.max(...errors.among)], {
    target: TOLERANCE,
    remark: `${remark}, in ${batches} batches`,
  });
}

/** Each library carries its own state on, so an error in it would grow from step to step. */
async function compareVad(context: Context, ours: LoadedModel, theirs: LoadedModel): Promise<void> {
  let worst = 0;
  for (const rows of [1, 3]) {
    const start: HostTensors[string] = {
      type: 'float32',
      data: new Float32Array(2 * rows * 128),
      dims: [2, rows, 128],
    };
    let state = { ours: start, theirs: start };
    for (let step = 0; step < VAD_STEPS; step++) {
      // Louder and softer in turns: silence alone would leave the state where it is.
      const data = randomFloats(rows * 512, 100 * rows + step, step % 5 === 0 ? 0.9 : 0.1);
      const shared: HostTensors = {
        input: { type: 'float32', data, dims: [rows, 512] },
        sr: { type: 'int64', data: BigInt64Array.of(16000n), dims: [] },
      };
      const a = await ours.run(ours.prepare({ ...shared, state: state.ours }));
      const b = await theirs.run(theirs.prepare({ ...shared, state: state.theirs }));
      worst = Math.max(worst, difference(a, b));
      state = { ours: a.stateN as HostTensors[string], theirs: b.stateN as HostTensors[string] };
    }
  }
  context.add('Silero VAD', '', [worst], {
    target: TOLERANCE,
    remark: `the largest over ${VAD_STEPS} steps of one and of three streams, state carried on`,
  });
}

/** The largest error over all outputs; a missing output or another shape is infinitely wrong. */
function difference(a: HostTensors, b: HostTensors): number {
  const names = Object.keys(b);
  if (names.length === 0 || Object.keys(a).length !== names.length) return Number.POSITIVE_INFINITY;
  return Math.max(
    ...names.map((name) => {
      const [x, y] = [a[name], b[name]];
      if (x === undefined || y === undefined || x.dims.join() !== y.dims.join()) return Number.POSITIVE_INFINITY;
      return maxAbsError(x.data as Float32Array, y.data as Float32Array);
    }),
  );
}
