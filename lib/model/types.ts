// A model as its users see it: its inputs and outputs by name, each with its own type where `loadModel<...>` was told them. All of it is
// interfaces that a test's own object can stand in for.

import type { ClassOf } from '../core/types.js';
import type { DeviceTensor } from '../runtime/device-tensor.js';
import type { NumericDType } from '../tensor/dtypes.js';
import type { DType, ModelValue, Tensor, TypedData } from '../tensor/types.js';
import { LoadedModel } from './model.js';
import type { RunOptions } from './run.js';
import type { Sequence as LoadedSequence, SequenceOptions } from './sequence.js';

/**
 * What a model takes and gives, by name: of a tensor its element type, of anything else the type of its values, as in
 *
 *     { inputs: { x: 'float32'; mask?: 'int64' }; outputs: { label: 'int64'; probabilities: ReadonlyMap<bigint, number>[] } }
 *
 * A '?' is for inputs that may be left out. `npx tensorlane types model.onnx` writes it.
 */
export interface ModelTypes {
  readonly inputs: Readonly<Record<string, DType | ModelValue | undefined>>;
  readonly outputs: Readonly<Record<string, DType | ModelValue>>;
}

/** What holds elements besides the arrays of `TypedData`. */
interface AlsoTaken {
  readonly uint8: Uint8ClampedArray;
  readonly int4: Uint8Array;
  readonly string: readonly string[];
}
type DataGiven<T extends DType> = TypedData[T] | (T extends keyof AlsoTaken ? AlsoTaken[T] : never);

/** A tensor that is given: ours, or onnxruntime-common's. */
export type TensorGiven<T extends DType = DType> = T extends DType
  ? { readonly type: T; readonly data: DataGiven<T>; readonly dims: readonly number[] }
  : never;

/** One whose element type is not known before it runs. */
interface AnyTensor {
  readonly type: DType;
  readonly data: DataGiven<DType>;
  readonly dims: readonly number[];
}

type Given<V> = V extends DType ? TensorGiven<V> | DeviceTensor<Extract<V, NumericDType>> : V;
type Got<V> = V extends DType ? Tensor<V> : V;
type Kept<V> = DeviceTensor<Extract<V, NumericDType>>;
type IsKnown<Names> = string extends keyof Names ? false : true;
type OutputName<T extends ModelTypes> = keyof T['outputs'] & string;

/** By the names of inputs: tensors, in host memory or on the model's device; arrays, Maps or null where an input is no tensor. */
export type Feeds<T extends ModelTypes = ModelTypes> =
  IsKnown<T['inputs']> extends true
    ? { readonly [Name in keyof T['inputs']]: Given<T['inputs'][Name]> }
    : Readonly<Record<string, AnyTensor | ModelValue | DeviceTensor>>;

/**
 * By the names of outputs. Of a model without types of its own they are taken for tensors, which they nearly always are; where one is an
 * array, a Map or null, `loadModel<...>` says so.
 */
export type Outputs<T extends ModelTypes = ModelTypes> =
  IsKnown<T['outputs']> extends true
    ? { [Name in keyof T['outputs']]: Got<T['outputs'][Name]> }
    : Record<string, Tensor>;

/** Outputs that stay on the device. */
export type ResidentOutputs<T extends ModelTypes = ModelTypes> =
  IsKnown<T['outputs']> extends true
    ? { [Name in keyof T['outputs']]: Kept<T['outputs'][Name]> }
    : Record<string, DeviceTensor>;

/** One signature, so that runs that feed on one another have types before their inputs have. */
interface Runs<T extends ModelTypes> {
  /**
   * Runs the model on one request of one or more rows, in a batch with whatever else is waiting. With `resident`, outputs are
   * DeviceTensors.
   *
   * Inputs of up to 64 KiB may be reused at once; larger ones are read until the promise settles. The outputs belong to
   * the caller alone. Device tensors may be disposed at once.
   *
   * Errors: ERR_ARGUMENT (a name), ERR_NOT_SUPPORTED (a value that cannot be passed in or out), ERR_DTYPE, ERR_SHAPE,
   * ERR_ABORTED, ERR_TIMEOUT, ERR_QUEUE_FULL, ERR_OVERLOADED (with `retryAfterMicros`), ERR_DISPOSED, ERR_MODEL (the model's own),
   * ERR_OUT_OF_MEMORY.
   */
  run(feeds: Feeds<T>, options?: RunOptions): Promise<Outputs<T>>;
}

interface TypedRuns<T extends ModelTypes> {
  /**
   * Runs the model on one request of one or more rows, in a batch with whatever else is waiting.
   *
   * Inputs of up to 64 KiB may be reused at once; larger ones are read until the promise settles. The outputs belong to
   * the caller alone. Device tensors may be disposed at once.
   *
   * Errors: ERR_ARGUMENT (a name), ERR_NOT_SUPPORTED (a value that cannot be passed in or out), ERR_DTYPE, ERR_SHAPE,
   * ERR_ABORTED, ERR_TIMEOUT, ERR_QUEUE_FULL, ERR_OVERLOADED (with `retryAfterMicros`), ERR_DISPOSED, ERR_MODEL (the model's own),
   * ERR_OUT_OF_MEMORY.
   */
  run(
    feeds: Feeds<T>,
    options?: RunOptions<OutputName<T>> & { outputs?: undefined; resident?: false | undefined },
  ): Promise<Outputs<T>>;
  /** Only the outputs that are named. */
  run<const Name extends OutputName<T>>(
    feeds: Feeds<T>,
    options: RunOptions<Name> & { outputs: readonly Name[]; resident?: false | undefined },
  ): Promise<Pick<Outputs<T>, Name>>;
  /** Outputs that stay on the device. */
  run<const Name extends OutputName<T> = OutputName<T>>(
    feeds: Feeds<T>,
    options: RunOptions<Name> & { resident: true },
  ): Promise<Pick<ResidentOutputs<T>, Name & keyof ResidentOutputs<T>>>;
  /** With options that are not known before it runs. */
  run(feeds: Feeds<T>, options?: RunOptions<OutputName<T>>): Promise<Partial<Outputs<T>>>;
}

type RunsOf<T extends ModelTypes> = IsKnown<T['outputs']> extends true ? TypedRuns<T> : Runs<T>;

type States<T extends ModelTypes> = { readonly [Name in keyof T['inputs'] & string]?: OutputName<T> };
/** What is left for the caller to give and to get. */
type Stateless<T extends ModelTypes, S> = {
  readonly inputs: Omit<T['inputs'], keyof S>;
  readonly outputs: Omit<T['outputs'], Extract<S[keyof S], string>>;
};

interface Sequences {
  /**
   * A sequence of runs that carries state from each to the next: of `states`, each output of a run becomes the input of the
   * next. Runs of one sequence keep their order; those of different sequences share batches. The state stays in host memory
   * between runs; on the CPU, that is where the model reads it.
   *
   * Errors: ERR_ARGUMENT, ERR_DISPOSED.
   */
  sequence(options: SequenceOptions): Sequence;
}

interface TypedSequences<T extends ModelTypes> {
  /**
   * A sequence of runs that carries state from each to the next: of `states`, each output of a run becomes the input of the
   * next. Runs of one sequence keep their order; those of different sequences share batches. The state stays in host memory
   * between runs; on the CPU, that is where the model reads it.
   *
   * Errors: ERR_ARGUMENT, ERR_DISPOSED.
   */
  sequence<const S extends States<T>>(
    options: Omit<SequenceOptions, 'states'> & { readonly states: S },
  ): Sequence<Extract<Stateless<T, S>, ModelTypes>>;
}

type SequencesOf<T extends ModelTypes> = IsKnown<T['outputs']> extends true ? TypedSequences<T> : Sequences;

/** A client's runs of a model that keeps state. */
export type Sequence<T extends ModelTypes = ModelTypes> = Omit<LoadedSequence, 'run'> & RunsOf<T>;

interface AnyModel extends Omit<LoadedModel, 'run' | 'sequence' | 'prepare' | 'runInTurn'> {}

/** A model that is loaded. Made by `device.loadModel`. */
export type Model<T extends ModelTypes = ModelTypes> = AnyModel & RunsOf<T> & SequencesOf<T>;
export const Model: ClassOf<Model> = LoadedModel as never;
