// A client's run after run of a model that keeps state: audio, text, a recurrent policy.
//
// The model itself stays stateless: what a run leaves in its state outputs is fed to the next run's state inputs, without the
// caller seeing it. So a sequence costs nothing while nothing of it runs, and those of many clients share batches. The state is
// kept in host memory.
//
// The rules it keeps: a run's turn comes when those before it are settled, however they were; what waits for its turn is the
// scheduler's already, so that its limits, timeouts and counters hold for it.

import { addon } from '../addon/load.js';
import type { Turn } from '../batching/waiting/request.js';
import { namesOf, plainObject, refuseUnknown, wholeNumber } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { own, setOwn } from '../core/own.js';
import { shown } from '../core/shown.js';
import { DeviceTensor } from '../runtime/device-tensor.js';
import { zeros } from '../tensor/tensor.js';
import type { Tensor, ValueInfo } from '../tensor/types.js';
import { inHostMemory } from './device-values.js';
import { leastDims } from './layout.js';
import { checkRunOptions, type Feeds, type Outputs, type RunOptions, requireFeeds } from './run.js';
import { copyTensor, copyValue, inWords, isTensorType } from './values.js';

export interface SequenceOptions {
  /** For each input that is state, the output that it comes from: { state: 'stateN' }. */
  states: Readonly<Record<string, string>>;
  /** What the first run is fed with, by input; zeros by default, with 1 for what is free of its dims. It is copied. */
  initial?: Readonly<Record<string, Tensor>> | undefined;
  /**
   * Runs that may wait for those before them, not counting the one whose turn it is; more are refused at once (ERR_QUEUE_FULL).
   * 0, the default: as many as the model's own `maxQueueSize` allows, of which they are a part.
   */
  maxQueueSize?: number | undefined;
  /** After how long without a run the sequence ends by itself, and its state is freed; 0, the default: never. */
  idleTimeoutMicros?: number | undefined;
}

const names = namesOf<SequenceOptions>({ states: true, initial: true, maxQueueSize: true, idleTimeoutMicros: true });

/** A run whose feeds are known when its turn comes. */
export interface RunInTurn extends Omit<Turn<unknown>, 'make'> {
  feeds(): Feeds;
}

/** The model, as far as its sequences need it. */
export interface SequenceModel {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  run(feeds: Feeds, options: RunOptions): Promise<Outputs>;
  runInTurn(turn: RunInTurn, options: RunOptions): Promise<Outputs>;
}

/** The longest that a timer of Node's can wait. */
const longestIdleMicros = (2 ** 31 - 1) * 1000;

export class Sequence implements AsyncDisposable {
  readonly #model: SequenceModel;
  /** Each state input with its output. */
  readonly #states: readonly (readonly [input: string, output: string])[];
  /** The outputs that are no state. */
  readonly #others: readonly string[];
  #initial: Feeds;
  #state: Feeds;
  /** Settles when all that was accepted so far is done; undefined where nothing is left to do. */
  #last: Promise<unknown> | undefined;
  #pending = 0;
  /** Runs whose turn has not come. */
  #waiting = 0;
  readonly #maxWaiting: number;
  #ended: 'disposed' | 'idle' | undefined;
  readonly #idleMicros: number;
  #timer: NodeJS.Timeout | undefined;

  /** Sequences are made by `model.sequence`. */
  constructor(model: SequenceModel, options: SequenceOptions) {
    refuseUnknown(plainObject('sequence: options', options), names, 'sequence');
    const initial = options.initial === undefined ? {} : plainObject('sequence: initial', options.initial);
    this.#model = model;
    this.#states = Object.entries(plainObject('sequence: states', options.states));
    if (this.#states.length === 0) throw argument('states must name at least one input and its output, got none');
    for (const name of Object.keys(initial)) {
      if (!Object.hasOwn(options.states, name)) {
        throw argument(`initial names '${name}', which is not among the states`);
      }
    }
    const outputs = new Set(this.#states.map(([, output]) => output));
    this.#others = model.outputs.map(({ name }) => name).filter((name) => !outputs.has(name));
    this.#initial = Object.fromEntries(
      this.#states.map(([input, output]) => [input, initialState(model, input, output, own(initial, input))]),
    );
    this.#state = this.#initial;
    this.#maxWaiting = wholeNumber('sequence: maxQueueSize', options.maxQueueSize, 0, 0);
    this.#idleMicros = wholeNumber('sequence: idleTimeoutMicros', options.idleTimeoutMicros, 0, 0, longestIdleMicros);
    this.#rest();
  }

  /** Runs that are queued or running. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Runs the model once more, after the runs before it: `feeds` are its inputs but the state. What comes back are the outputs but
   * the state, or those that are wanted. A run that does not succeed, for whatever reason, leaves the state as it was, and those
   * after it go on from there. The model's limits, its timeouts and the options of the run hold from this call on.
   *
   * Inputs of up to 64 KiB may be reused at once; larger ones are read until the promise settles.
   *
   * Errors: those of `model.run`; ERR_QUEUE_FULL also where `maxQueueSize` runs of the sequence wait; ERR_DISPOSED also where it
   * was disposed or idle for too long.
   */
  async run(feeds: Feeds, options: RunOptions = {}): Promise<Outputs> {
    this.#refuseEnded();
    requireFeeds(feeds);
    checkRunOptions(options);
    const wanted = this.#wanted(feeds, options);
    const given = { ...options, outputs: [...new Set([...wanted, ...this.#states.map(([, output]) => output)])] };
    clearTimeout(this.#timer);
    this.#pending++;
    try {
      const before = this.#last;
      const run =
        before === undefined
          ? this.#model.run({ ...feeds, ...this.#state }, given)
          : this.#inTurn(before, feeds, given);
      return await this.#follow(this.#step(run, wanted));
    } finally {
      this.#pending--;
      if (this.#pending === 0) this.#rest();
    }
  }

  /** Starts anew, after the runs before: the next one is fed with the initial state. Errors: ERR_DISPOSED. */
  async reset(): Promise<void> {
    this.#refuseEnded();
    const reset = () => {
      this.#state = this.#initial;
    };
    if (this.#last === undefined) reset();
    else await this.#follow(this.#last.then(reset));
  }

  /** Refuses new runs, lets the accepted ones finish, and frees the state. May be called again. */
  async dispose(): Promise<void> {
    this.#ended ??= 'disposed';
    clearTimeout(this.#timer);
    await this.#last;
    this.#free();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** The outputs that are wanted; the feeds are without the state. */
  #wanted(feeds: Feeds, options: RunOptions): readonly string[] {
    for (const [input] of this.#states) {
      if (Object.hasOwn(feeds, input)) {
        throw argument(`run: input '${input}' is state, which the sequence feeds; give it as initial, or leave it out`);
      }
    }
    if (options.resident === true) throw argument('run: resident: the outputs of a sequence are host tensors');
    const wanted = options.outputs ?? this.#others;
    if (!Array.isArray(wanted)) throw argument(`run: outputs must be an array of names, got ${shown(wanted)}`);
    return [...wanted];
  }

  async #inTurn(before: Promise<unknown>, feeds: Feeds, options: RunOptions): Promise<Outputs> {
    let kept: Feeds | undefined;
    const hosted = Object.values(feeds).some((value) => value instanceof DeviceTensor) ? new Hosted(feeds) : undefined;
    const leave = () => {
      if (kept !== undefined) this.#waiting--;
      kept = undefined;
    };
    const turn: RunInTurn = {
      before: hosted === undefined ? before : Promise.all([before, hosted.ended]),
      waiting: this.#waiting,
      maxWaiting: this.#maxWaiting,
      hold: () => {
        kept = copied(feeds);
        this.#waiting++;
      },
      feeds: () => {
        const all = { ...(hosted?.feeds() ?? kept), ...this.#state };
        leave();
        return all;
      },
    };
    try {
      return await this.#model.runInTurn(turn, options);
    } finally {
      leave();
    }
  }

  /** Keeps the state that a run leaves, and gives what is wanted of its outputs. */
  async #step(run: Promise<Outputs>, wanted: readonly string[]): Promise<Outputs> {
    const all = await run;
    this.#state = Object.fromEntries(this.#states.map(([input, output]) => [input, own(all, output)!]));
    const outputs: Outputs = {};
    for (const name of wanted) {
      // What the caller does to an output must not change the state.
      const given = own(all, name)!;
      setOwn(outputs, name, this.#others.includes(name) ? given : copyTensor(given));
    }
    return outputs;
  }

  /** What comes next waits for this and for what came before, however they end. */
  #follow<T>(work: Promise<T>): Promise<T> {
    const before = this.#last;
    const settled = work.then(nothing, nothing);
    const last = (before === undefined ? settled : settled.then(() => before)).then(() => {
      if (this.#last === last) this.#last = undefined;
    });
    this.#last = last;
    return work;
  }

  #refuseEnded(): void {
    if (this.#ended === undefined) return;
    const why = this.#ended === 'idle' ? `was idle for ${this.#idleMicros} microseconds` : 'has been disposed';
    throw new TensorlaneError('ERR_DISPOSED', `sequence: it ${why}`);
  }

  /** Nothing of it runs. The timer keeps no process alive, nor a sequence that its user has lost, nor that one's model. */
  #rest(): void {
    if (this.#idleMicros === 0 || this.#ended !== undefined) return;
    const kept = new WeakRef(this);
    this.#timer = setTimeout(() => {
      const sequence = kept.deref();
      if (sequence === undefined) return;
      sequence.#ended = 'idle';
      sequence.#free();
    }, this.#idleMicros / 1000).unref();
  }

  #free(): void {
    this.#state = {};
    this.#initial = {};
  }
}

function nothing(): void {}

function argument(problem: string): TensorlaneError {
  return new TensorlaneError('ERR_ARGUMENT', `sequence: ${problem}`);
}

/** Device tensors of a run that waits for its turn: they come to host memory meanwhile, and may be disposed. */
class Hosted {
  /** Never rejects. */
  readonly ended: Promise<void>;
  #feeds: Feeds = {};
  #failure: unknown;

  constructor(feeds: Feeds) {
    this.ended = inHostMemory(feeds).then(
      (hosted) => {
        this.#feeds = hosted;
      },
      (reason) => {
        this.#failure = reason;
      },
    );
  }

  feeds(): Feeds {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#feeds;
  }
}

/** What a caller may change while the run waits. What is no tensor is refused in its turn. */
function copied(feeds: Feeds): Feeds {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => [name, copyValue(value, addon().copyUpTo)]),
  ) as Feeds;
}

function find(values: readonly ValueInfo[], kind: string, name: string): ValueInfo {
  const value = values.find((candidate) => candidate.name === name);
  if (value !== undefined) return value;
  const known = values.map((candidate) => `'${candidate.name}'`).join(', ');
  throw argument(`states: the model has no ${kind} ${shown(name)}; it has ${known}`);
}

/** Errors: ERR_ARGUMENT. What of a given tensor the model does not take is found when it runs, but for its type. */
function initialState(model: SequenceModel, inputName: string, outputName: string, given: Tensor | undefined): Tensor {
  const input = find(model.inputs, 'input', inputName);
  const output = find(model.outputs, 'output', outputName);
  if (!isTensorType(input) || input.dims === undefined) {
    throw argument(`states: '${inputName}' must be a tensor of known rank, and is ${inWords(input)}`);
  }
  const { type, dims: described } = input;
  if (type !== output.type) {
    throw argument(`states: '${inputName}' is ${type}, but '${outputName}' is ${output.type}`);
  }
  if (given !== undefined) {
    const { type: own, dims } = plainObject(`sequence: initial.${inputName}`, given);
    const fits = Array.isArray(dims) && dims.length === described.length;
    if (own === type && fits && described.every((dim, axis) => dim === -1 || dim === dims[axis]))
      return copyTensor(given);
    throw argument(`initial.${inputName} must be ${type} [${described.join(', ')}], got ${shown(own)} ${shown(dims)}`);
  }
  if (type === 'string') throw argument(`'${inputName}' is of strings, and needs an initial value`);
  return zeros(type, leastDims(described));
}
