// What is done to a model's inputs before it runs and to its outputs after, on the lane that runs it: what each step is, is checked here;
// whether it fits the model, by the addon when the model is loaded.

import type { StepRequest } from '../../binding.js';
import { addon } from '../addon/load.js';
import { flag, namesOf, plainObject, refuseUnknown, requiredWholeNumber, text, wrong } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import { type CastType, checkCastType } from '../tensor/cast-types.js';

/**
 * Images, uint8 [n, h, w, c] with 1 to 4 channels, to float32 [n, c, height, width], (pixel * scale - mean) / std, resized by bilinear
 * interpolation, as `device.ops.imageToTensor` does it. The first step before a model only.
 */
export interface ImageToTensorStep {
  readonly step: 'imageToTensor';
  /** By default the model's own where that is fixed, else the images'. */
  readonly height?: number | undefined;
  readonly width?: number | undefined;
  /** 1/255 by default. */
  readonly scale?: number | undefined;
  /** Of all channels or of each; 0 by default. */
  readonly mean?: number | readonly number[] | undefined;
  /** Of all channels or of each; 1 by default. */
  readonly std?: number | readonly number[] | undefined;
  /** Whether the first and the third channel change places, before `mean` and `std`. */
  readonly swapRedBlue?: boolean | undefined;
}

/** The elements as another type, as `device.ops.cast` converts them. */
export interface CastStep {
  readonly step: 'cast';
  /** What callers give: needed where it is the first step before a model. */
  readonly from?: CastType | undefined;
  /** Needed but for the last step before a model, which makes what that takes. */
  readonly to?: CastType | undefined;
}

/** exp(x) / sum(exp(x)) along the last dimension, of float32 or float64. */
export interface SoftmaxStep {
  readonly step: 'softmax';
}

/** x / max(norm(x), 1e-12) along the last dimension, of float32 or float64: rows of length 1, as torch's normalize makes them. */
export interface L2NormalizeStep {
  readonly step: 'l2Normalize';
}

/** The k largest elements along the last dimension, largest first, as `device.ops.topK`. The last step after a model only. */
export interface TopKStep {
  readonly step: 'topK';
  readonly k: number;
  /** The name of the output with where they are, int64; by default the output's own with '_indices'. */
  readonly indices?: string | undefined;
}

export type PreprocessStep = ImageToTensorStep | CastStep | SoftmaxStep | L2NormalizeStep;
export type PostprocessStep = CastStep | SoftmaxStep | L2NormalizeStep | TopKStep;

/** By the names of inputs or outputs. */
export type StepsByName = Readonly<Record<string, readonly (PreprocessStep | PostprocessStep)[]>>;

export interface NamedSteps {
  readonly name: string;
  readonly steps: readonly StepRequest[];
}

const optionNames: Readonly<Record<StepRequest['step'], ReadonlySet<string>>> = {
  imageToTensor: namesOf<ImageToTensorStep>({
    ...{ step: true, height: true, width: true, scale: true, mean: true, std: true, swapRedBlue: true },
  }),
  cast: namesOf<CastStep>({ step: true, from: true, to: true }),
  softmax: namesOf<SoftmaxStep>({ step: true }),
  l2Normalize: namesOf<L2NormalizeStep>({ step: true }),
  topK: namesOf<TopKStep>({ step: true, k: true, indices: true }),
};
const kinds = {
  preprocess: ['imageToTensor', 'cast', 'softmax', 'l2Normalize'],
  postprocess: ['cast', 'softmax', 'l2Normalize', 'topK'],
} as const;
/** As the addon takes them. Errors: ERR_ARGUMENT, naming the step. */
export function completeSteps(when: 'preprocess' | 'postprocess', given: StepsByName | undefined): NamedSteps[] {
  if (given === undefined) return [];
  return Object.entries(plainObject(`loadModel: ${when}`, given)).map(([name, steps]) => {
    const what = `loadModel: ${when}.${name}`;
    if (!Array.isArray(steps) || steps.length === 0)
      throw wrong(`${what} must be an array of at least one step`, steps);
    const completed = steps.map((step, i) => {
      const of: Place = { when, name, what: `${what}[${i}]`, isFirst: i === 0, isLast: i === steps.length - 1 };
      return completeStep(step, of);
    });
    return { name, steps: completed };
  });
}

interface Place {
  readonly when: 'preprocess' | 'postprocess';
  readonly name: string;
  readonly what: string;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

function completeStep(given: PreprocessStep | PostprocessStep, place: Place): StepRequest {
  const { when, what } = place;
  const { step } = plainObject(what, given);
  const known: readonly string[] = kinds[when];
  if (!known.includes(step)) throw wrong(`${what}.step must be one of ${known.join(', ')}`, step);
  refuseUnknown(given, optionNames[step], what);
  switch (given.step) {
    case 'imageToTensor':
      if (!place.isFirst) throw argument(`${what}: imageToTensor has to be the first step`);
      return completeImageStep(given, what);
    case 'cast':
      return completeCast(given, place);
    case 'topK':
      if (!place.isLast) throw argument(`${what}: topK has to be the last step`);
      return {
        step,
        k: requiredWholeNumber(`${what}.k`, given.k, 1, addon().limits.topK),
        indices: text(`${what}.indices`, given.indices) ?? `${place.name}_indices`,
      } as StepRequest;
    default:
      return { step: given.step };
  }
}

function completeImageStep(given: ImageToTensorStep, what: string): StepRequest {
  const { imageSide } = addon().limits;
  const { height, width, scale = 1 / 255, mean = 0, std = 1 } = given;
  const numbers = { mean: numbersOf(`${what}.mean`, mean), std: numbersOf(`${what}.std`, std) };
  if (numbers.std.includes(0)) throw argument(`${what}.std must not be 0, as it divides`);
  return {
    step: 'imageToTensor',
    ...(height !== undefined && { height: requiredWholeNumber(`${what}.height`, height, 1, imageSide) }),
    ...(width !== undefined && { width: requiredWholeNumber(`${what}.width`, width, 1, imageSide) }),
    scale: numbersOf(`${what}.scale`, scale, false)[0]!,
    ...numbers,
    swapRedBlue: flag(`${what}.swapRedBlue`, given.swapRedBlue, false),
  };
}

function completeCast({ from, to }: CastStep, { when, what, isFirst, isLast }: Place): StepRequest {
  for (const [option, type] of Object.entries({ from, to })) {
    if (type !== undefined) checkCastType(type, `${what}.${option}`);
  }
  const makesTaken = when === 'preprocess' && isLast;
  if (to === undefined && !makesTaken) throw argument(`${what}: cast needs \`to\`, the type that it makes`);
  if (from === undefined && when === 'preprocess' && isFirst) {
    throw argument(`${what}: cast needs \`from\` as the first step, the type that callers give`);
  }
  return { step: 'cast', ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
}

/** One number, or as many as an image may have channels. */
function numbersOf(what: string, value: number | readonly number[], orEach = true): number[] {
  const most = addon().limits.imageChannels;
  const numbers: readonly unknown[] = orEach && Array.isArray(value) ? value : [value];
  const fit = numbers.length >= 1 && numbers.length <= most;
  if (fit && numbers.every((one) => Number.isFinite(one) && Number.isFinite(Math.fround(one as number)))) {
    return [...numbers] as number[];
  }
  throw argument(`${what} must be a finite number${orEach ? ', or one for each channel' : ''}, got ${shown(value)}`);
}

/**
 * What steps need of the way in which requests share batches: that rows are along the first dimension, and that none is computed along
 * what is filled up. Errors: ERR_ARGUMENT.
 */
export function checkStepsInBatches(
  steps: { readonly preprocess: readonly NamedSteps[]; readonly postprocess: readonly NamedSteps[] },
  axes: { readonly [kind in 'inputs' | 'outputs']?: Readonly<Record<string, number | null>> | undefined },
  pads: boolean,
): void {
  for (const [when, kind] of [['preprocess', 'inputs'] as const, ['postprocess', 'outputs'] as const]) {
    for (const { name, steps: of } of steps[when]) {
      const other = of.find(({ step }) => step !== 'cast');
      if (other === undefined) continue;
      const given = axes[kind];
      const axis = given !== undefined && Object.hasOwn(given, name) ? given[name] : 0;
      if (axis !== 0 && axis !== null) {
        throw argument(
          `loadModel: ${when}.${name}: ${other.step} needs the batch along axis 0, but batching.batchAxis.${kind}.${name} is ${axis}`,
        );
      }
      if (!pads) continue;
      throw argument(
        `loadModel: ${when}.${name}: ${other.step} would take what batching.padVariableLength fills up for the caller's own; ` +
          'there is only cast beside it',
      );
    }
  }
}

function argument(problem: string): TensorlaneError {
  return new TensorlaneError('ERR_ARGUMENT', problem);
}
