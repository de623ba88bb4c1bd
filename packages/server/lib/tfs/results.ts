// What a model's outputs say as classes with scores, or as one value an example.
//
// The rule: TensorFlow's names for outputs (scores, classes, outputs) come first; else there is one output that can be meant, or it is refused.

import type { Outputs, Tensor, ValueInfo } from 'tensorlane';
import { invalid } from '../core/errors.js';
import type { Servable } from '../engine/servable.js';
import { bfloat16Value, float16Value } from '../json/half.js';

export interface ScoredClass {
  /** '', where nobody says what it is called. */
  readonly label: string;
  readonly score: number;
}

const floats = ['float32', 'float64', 'float16', 'bfloat16'];

/** The outputs that are looked at, of those that a run gave. Errors: INVALID_ARGUMENT, where it is not clear which; ERR_NOT_SUPPORTED, where labels are of no classes. */
export function classifyOutputs(
  servable: Servable,
  given?: Outputs,
): {
  scores: string;
  classes: string | undefined;
  /** Of what labels the scores are, where they are not of all. */
  indices: string | undefined;
} {
  const { name, outputs } = servable;
  const scores = chosen(name, 'scores, [examples, classes]', 'scores', outputs, ({ type, dims }) => {
    return floats.includes(type) && (dims?.length ?? 2) === 2;
  });
  const classes = outputs.find((one) => one.name === 'classes' && one.type === 'string');
  const isLabelled = classes === undefined && servable.labelsOf(scores, given) !== undefined;
  return { scores, classes: classes?.name, indices: isLabelled ? servable.indicesOf(scores, given) : undefined };
}

/** Errors: INVALID_ARGUMENT, where it is not clear which. */
export function regressOutput({ name, outputs }: Servable): string {
  return chosen(name, 'values, [examples] or [examples, 1]', 'outputs', outputs, ({ type, dims }) => {
    return (
      floats.includes(type) &&
      (dims === undefined || dims.length === 1 || (dims.length === 2 && Math.abs(dims[1]!) === 1))
    );
  });
}

function chosen(
  model: string,
  what: string,
  first: string,
  outputs: readonly ValueInfo[],
  fits: (info: ValueInfo) => boolean,
): string {
  const fitting = outputs.filter(fits);
  const named = fitting.find(({ name }) => name === first);
  if (named !== undefined) return named.name;
  if (fitting.length === 1) return fitting[0]!.name;
  const why = fitting.length === 0 ? 'has no output' : 'has several outputs';
  throw invalid(`model '${model}' ${why} of ${what}; '${first}' is the one that is looked for`);
}

/** Of each example. Errors: INVALID_ARGUMENT, where the outputs have other shapes. */
export function classesOf(servable: Servable, outputs: Outputs, examples: number): ScoredClass[][] {
  const names = classifyOutputs(servable, outputs);
  const scores = outputs[names.scores]!;
  const classes = names.classes === undefined ? undefined : (outputs[names.classes] as Tensor);
  if (scores.dims.length !== 2 || scores.dims[0] !== examples) {
    throw invalid(`output '${names.scores}' has dims [${scores.dims.join(', ')}], expected [${examples}, classes]`);
  }
  if (classes !== undefined && classes.data.length !== scores.data.length) {
    throw invalid(`outputs '${names.classes}' and '${names.scores}' have other numbers of classes`);
  }
  const labels = servable.labelsOf(names.scores, outputs);
  const indices = names.indices === undefined ? undefined : (outputs[names.indices] as Tensor);
  const each = scores.dims[1]!;
  const value = numbersIn(scores);
  return Array.from({ length: examples }, (_, row) =>
    Array.from({ length: each }, (_, at) => ({
      label: String(
        classes?.data[row * each + at] ??
          labels?.[indices === undefined ? at : Number(indices.data[row * each + at])] ??
          '',
      ),
      score: value(row * each + at),
    })),
  );
}

/** Of each example. Errors: INVALID_ARGUMENT, where the output has another shape. */
export function valuesOf(servable: Servable, outputs: Outputs, examples: number): number[] {
  const name = regressOutput(servable);
  const tensor = outputs[name]!;
  if (tensor.dims[0] !== examples || tensor.data.length !== examples) {
    throw invalid(`output '${name}' has dims [${tensor.dims.join(', ')}], expected [${examples}] or [${examples}, 1]`);
  }
  return Array.from({ length: examples }, (_, at) => numbersIn(tensor)(at));
}

function numbersIn({ type, data }: Tensor): (at: number) => number {
  const numbers = data as ArrayLike<number>;
  if (type === 'float16') return (at) => float16Value(numbers[at]!);
  if (type === 'bfloat16') return (at) => bfloat16Value(numbers[at]!);
  return (at) => numbers[at]!;
}
