// A client's run after run of a model that keeps state: audio, text, a recurrent policy.
//
// The model itself stays stateless: what a run leaves in its state outputs is fed to the next run's state inputs, without the
// caller seeing it. So a sequence costs nothing while nothing of it runs, and those of many clients share batches.

import { arrayClasses } from '../dtypes.js';
import { TensorlaneError } from '../errors.js';
import { plainObject, refuseUnknown, shown, wholeNumber } from '../options.js';
import type { Tensor, ValueInfo } from '../types.js';
import type { Outputs } from './executor.js';
import type { Model, RunOptions } from './model.js';

export interface SequenceOptions {
  /** For each input that is state, the output that it comes from: { state: 'stateN' }. */
  states: Readonly<Record<string, string>>;
  /** What the first run is fed with, by input; zeros by default, with 1 for what is free of its dims. */
  initial?: Readonly<Record<string, Tensor>>;
  /** After how long without a run the sequence ends by itself, and its state is freed; 0, the default: never. */
  idleTimeoutMicros?: number;
}

export class Sequence implements AsyncDisposable {
  readonly #model: Model;
  readonly #states: ReadonlyMap<string, string>;
  readonly #initial: ReadonlyMap<string, Tensor>;
  #state: Map<string, Tensor>;
  /** Settles when all runs so far have. */
  #last: Promise<unknown> = Promise.resolve();
  #queued = 0;
  #ended: 'disposed' | 'idle' | undefined;
  readonly #idleMicros: number;
  #timer: NodeJS.Timeout | undefined;

  /** Sequences are made by `model.sequence`. */
  constructor(model: Model, options: SequenceOptions) {
    refuseUnknown(
      plainObject('sequence: options', options),
      new Set(['states', 'initial', 'idleTimeoutMicros']),
      'sequence',
    );
    const initial = plainObject('sequence: initial', options.initial ?? {});
    this.#model = model;
    this.#states = new Map(Object.entries(plainObject('sequence: states', options.states)));
    if (this.#states.size === 0) throw argument('states must name at least one input and its output');
    for (const name of Object.keys(initial)) {
      if (!this.#states.has(name)) throw argument(`initial names '${name}', which is not among the states`);
    }
    this.#initial = new Map(
      [...this.#states].map(([input, output]) => [input, initial[input] ?? zeros(model, input, output)]),
    );
    this.#state = new Map(this.#initial);
    this.#idleMicros = wholeNumber('sequence: idleTimeoutMicros', options.idleTimeoutMicros, 0, 0);
    this.#rest();
  }

  /** Runs that are queued or running. */
  get pending(): number {
    return this.#queued;
  }

  /**
   * Runs the model once more, after the runs before it, on one row: `feeds` are its inputs but the state. The outputs that are
   * wanted come back without the state, unless they name it. A run that fails leaves the state as it was; one that is
   * cancelled while it waits for those before it is rejected when its turn comes.
   *
   * Errors: those of `model.run`; ERR_DISPOSED, where the sequence was disposed or idle for too long.
   */
  async run(feeds: Readonly<Record<string, Tensor>>, options: RunOptions = {}): Promise<Outputs> {
    this.#check();
    const run = this.#after(this.#last, feeds, options);
    this.#last = run.catch(() => {});
    clearTimeout(this.#timer);
    this.#queued++;
    try {
      return await run;
    } finally {
      this.#queued--;
      if (this.#queued === 0) this.#rest();
    }
  }

  /** Starts anew: the next run is fed with the initial state. After the runs before. Errors: ERR_DISPOSED. */
  async reset(): Promise<void> {
    this.#check();
    const reset = this.#last.then(() => {
      this.#state = new Map(this.#initial);
    });
    this.#last = reset;
    await reset;
  }

  /** Refuses new runs, lets the accepted ones finish, and frees the state. May be called again. */
  async dispose(): Promise<void> {
    this.#ended ??= 'disposed';
    clearTimeout(this.#timer);
    await this.#last;
    this.#state.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async #after(
    before: Promise<unknown>,
    feeds: Readonly<Record<string, Tensor>>,
    { outputs, ...options }: RunOptions,
  ): Promise<Outputs> {
    await before;
    const stateOutputs = [...this.#states.values()];
    const others = this.#model.outputs.map(({ name }) => name).filter((name) => !stateOutputs.includes(name));
    const wanted = outputs ?? others;
    const all = await this.#model.run(
      { ...feeds, ...Object.fromEntries(this.#state) },
      { ...options, outputs: [...new Set([...wanted, ...stateOutputs])] },
    );
    for (const [input, output] of this.#states) this.#state.set(input, all[output]!);
    return Object.fromEntries(wanted.map((name) => [name, all[name]!]));
  }

  #check(): void {
    if (this.#ended === undefined) return;
    const why = this.#ended === 'idle' ? `was idle for ${this.#idleMicros} microseconds` : 'has been disposed';
    throw new TensorlaneError('ERR_DISPOSED', `sequence: it ${why}`);
  }

  /** Nothing of it runs. The timer keeps no process alive. */
  #rest(): void {
    if (this.#idleMicros === 0 || this.#ended !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#ended = 'idle';
      this.#state.clear();
    }, this.#idleMicros / 1000).unref();
  }
}

function argument(problem: string): TensorlaneError {
  return new TensorlaneError('ERR_ARGUMENT', `sequence: ${problem}`);
}

function find(values: readonly ValueInfo[], kind: string, name: string): ValueInfo {
  const value = values.find((candidate) => candidate.name === name);
  if (value !== undefined) return value;
  const known = values.map((candidate) => `'${candidate.name}'`).join(', ');
  throw argument(`the model has no ${kind} ${shown(name)}; it has ${known}`);
}

function zeros(model: Model, inputName: string, outputName: string): Tensor {
  const { type, dims: described } = find(model.inputs, 'input', inputName);
  const output = find(model.outputs, 'output', outputName);
  if (type !== output.type) throw argument(`'${inputName}' is ${type}, but '${outputName}' is ${output.type}`);
  if (type === 'string') throw argument(`'${inputName}' is of strings, and needs an initial value`);
  const dims = described.map((dim) => (dim === -1 ? 1 : dim));
  return { type, data: new arrayClasses[type](dims.reduce((product, dim) => product * dim, 1)), dims } as Tensor;
}
