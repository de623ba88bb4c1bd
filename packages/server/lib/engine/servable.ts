// A version of a model that is loaded, and who uses it.
//
// The rule: it is given back only when nobody uses it any more. Whoever has it before that is answered.

import type { Feeds, ModelStats, Outputs, RunOptions, ValueInfo } from 'tensorlane';
import { TensorlaneError } from 'tensorlane';
import { shown, wrongOption } from '../core/options.js';
import { traceRun } from '../trace/run.js';
import type { RunTrace } from '../trace/run-trace.js';
import type { TritonConfig } from '../triton/config.js';
import type { SequenceStep } from './sequences.js';
import { reasonOf, type VersionStatistics } from './statistics.js';

/** Options of a run of the server's. */
export interface ServedRunOptions extends RunOptions {
  /** Of a model that keeps state: which sequence it belongs to, and where in it. */
  readonly sequence?: SequenceStep | undefined;
}

/** Asked for each time, of outputs that are there with these: what runs others says what they say. */
export interface ByOutput<T> {
  get(output: string, outputs?: Outputs): T | undefined;
}

/** What a version runs. */
export interface Runnable {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** As the Open Inference Protocol names it. */
  readonly platform: string;
  /** Of what requests may ask, from 1. */
  readonly priorityLevels: number;
  /** What its config.pbtxt says. */
  readonly config?: TritonConfig | undefined;
  /** What its classes are called. */
  readonly labels?: ByOutput<readonly string[]> | undefined;
  /** Of an output that has but the highest elements: the output that says which of all they are. Errors: ERR_NOT_SUPPORTED, where that is left out. */
  readonly indices?: ByOutput<string> | undefined;
  /** Whether its requests belong to sequences; false by default. */
  readonly keepsState?: boolean | undefined;
  /** The models that it runs, where it runs others: these are not unloaded before it. */
  readonly parts?: readonly string[] | undefined;
  /** Of what runs others: whether it could be loaded as it is, with what is served of them now. */
  fits?(): boolean;
  /** The most rows of a batch; undefined: it has none. */
  readonly maxBatchSize?: number | undefined;
  run(feeds: Feeds, options: ServedRunOptions): Promise<Outputs>;
  /** In place of `run`, of a decoupled model: one that answers a request as often as it likes. */
  stream?(feeds: Feeds, options: ServedRunOptions): AsyncGenerator<Outputs, void>;
  stats(): ModelStats | undefined;
  dispose(): Promise<void>;
}

let servables = 0;

export class Servable {
  /** No other has it, also none of the same version. */
  readonly serial = ++servables;
  #users = 0;
  #isDraining = false;
  #onIdle: (() => void) | undefined;
  #afterDrain: (() => void) | undefined;
  readonly #runnable: Runnable;

  constructor(
    readonly name: string,
    readonly version: number,
    runnable: Runnable,
    readonly statistics: VersionStatistics,
  ) {
    this.#runnable = runnable;
  }

  get inputs(): readonly ValueInfo[] {
    return this.#runnable.inputs;
  }

  get outputs(): readonly ValueInfo[] {
    return this.#runnable.outputs;
  }

  get platform(): string {
    return this.#runnable.platform;
  }

  get priorityLevels(): number {
    return this.#runnable.priorityLevels;
  }

  get config(): TritonConfig | undefined {
    return this.#runnable.config;
  }

  get keepsState(): boolean {
    return this.#runnable.keepsState === true;
  }

  /** Whether it answers a request as often as it likes. */
  get decoupled(): boolean {
    return this.#runnable.stream !== undefined;
  }

  get parts(): readonly string[] | undefined {
    return this.#runnable.parts;
  }

  /** False: the models that it runs are others than it was made for. */
  get fits(): boolean {
    return this.#runnable.fits?.() ?? true;
  }

  /** The most rows of a batch; undefined: it has none. */
  get maxBatchSize(): number | undefined {
    return this.#runnable.maxBatchSize;
  }

  /** What the classes of an output are called, of those that a run gave; undefined, where nobody says. */
  labelsOf(output: string, outputs?: Outputs): readonly string[] | undefined {
    return this.#runnable.labels?.get(output, outputs);
  }

  /**
   * The output that says which of all its elements an output has, where it has but the highest; of those that a run gave, one of them. Undefined: it has
   * all. Errors: ERR_NOT_SUPPORTED, where nobody can tell.
   */
  indicesOf(output: string, outputs?: Outputs): string | undefined {
    const indices = this.#runnable.indices?.get(output, outputs);
    if (indices === undefined) return undefined;
    const names = outputs === undefined ? this.outputs.map(({ name }) => name) : Object.keys(outputs);
    if (names.includes(indices)) return indices;
    throw indicesLeftOut(this.name, output, indices);
  }

  stats(): ModelStats | undefined {
    return this.#runnable.stats();
  }

  /** `work` has it until the promise settles. */
  async use<T>(work: (servable: this) => Promise<T>): Promise<T> {
    const release = this.hold();
    try {
      return await work(this);
    } finally {
      release();
    }
  }

  /** It is not unloaded before what is given back was called, once. */
  hold(): () => void {
    this.#users++;
    return () => {
      this.#users--;
      if (this.#users === 0) this.#onIdle?.();
    };
  }

  /** Errors: ERR_NOT_SUPPORTED (a sequence, of a model without state; a decoupled model); those of `model.run`. */
  async run(feeds: Feeds, options: ServedRunOptions = {}): Promise<Outputs> {
    const run = this.#begin();
    try {
      if (this.decoupled) {
        throw new TensorlaneError(
          'ERR_NOT_SUPPORTED',
          `model '${this.name}' is decoupled, it answers a request as often as it likes: ask it by ModelStreamInfer, generate_stream, stream() or with accept: multipart/mixed`,
        );
      }
      const outputs = await within(run.trace, () => this.#runnable.run(feeds, this.#observed(options, run.trace)));
      run.succeeded();
      return outputs;
    } catch (error) {
      run.failed(error);
      throw error;
    }
  }

  /**
   * The answers of a decoupled model as they come, and the one of any other. Who stops taking them ends it. Errors: those of `run`, whenever
   * they come.
   */
  async *stream(feeds: Feeds, options: ServedRunOptions = {}): AsyncGenerator<Outputs, void> {
    if (!this.decoupled) {
      yield await this.run(feeds, options);
      return;
    }
    const run = this.#begin();
    let answers: AsyncGenerator<Outputs, void> | undefined;
    let index = 0;
    let isOver = false;
    try {
      answers = this.#runnable.stream!(feeds, this.#observed(options, run.trace));
      for (; ; index++) {
        const started = performance.now();
        const { done, value } = await within(run.trace, () => answers!.next());
        if (done === true) break;
        this.statistics.responded(index, 'success', performance.now() - started);
        yield value;
      }
      isOver = true;
      this.statistics.responded(index, 'empty', 0);
      run.succeeded();
    } catch (error) {
      isOver = true;
      this.statistics.responded(index, reasonOf(error) === 'CANCELED' ? 'cancelled' : 'failure', 0);
      run.failed(error);
      throw error;
    } finally {
      if (!isOver) {
        await answers?.return();
        run.failed(new TensorlaneError('ERR_ABORTED', 'nobody takes its answers any more'));
      }
    }
  }

  #begin() {
    const started = performance.now();
    const trace = traceRun(this.name, this.version);
    return {
      trace,
      succeeded: () => {
        this.statistics.succeeded(performance.now() - started);
        trace?.end();
      },
      failed: (error: unknown) => {
        trace?.end(error);
        this.statistics.failed(performance.now() - started, reasonOf(error));
      },
    };
  }

  #observed(options: ServedRunOptions, trace: RunTrace | undefined): ServedRunOptions {
    if (Object(options) !== options) throw wrongOption(`run: options must be an object, got ${shown(options)}`);
    if (options.sequence !== undefined && !this.keepsState) {
      throw new TensorlaneError(
        'ERR_NOT_SUPPORTED',
        `sequences: model '${this.name}' keeps no state; sequence_batching in its config.pbtxt says which of its outputs are`,
      );
    }
    return trace === undefined ? options : { ...options, observer: trace.observer };
  }

  /** To be called when nobody can come by it any more: waits for who has it, and gives it back. */
  async drain(): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    if (this.#users > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.statistics.keep(this.stats());
    try {
      await this.#runnable.dispose();
    } finally {
      this.#afterDrain?.();
    }
  }

  /** To be told when it has been given back. */
  afterDrain(told: () => void): void {
    this.#afterDrain = told;
  }
}

export function indicesLeftOut(model: string, output: string, indices: string): TensorlaneError {
  return new TensorlaneError(
    'ERR_NOT_SUPPORTED',
    `output '${output}' of '${model}' has its highest elements alone, and '${indices}', which says of what classes they are, is left out`,
  );
}

/** So that what it runs in turn is known as its own. */
function within<T>(trace: RunTrace | undefined, work: () => T): T {
  return trace?.around === undefined ? work() : trace.around(work);
}
