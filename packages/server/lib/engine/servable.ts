// A version of a model that is loaded, and who uses it.
//
// The rule: it is given back only when nobody uses it any more. Whoever has it before that is answered.

import type { Feeds, ModelStats, Outputs, RunOptions, ValueInfo } from 'tensorlane';
import { TensorlaneError } from 'tensorlane';
import { traceRun } from '../trace/run.js';
import type { TritonConfig } from '../triton/config.js';
import type { SequenceStep } from './sequences.js';
import type { VersionStatistics } from './statistics.js';

/** Options of a run of the server's. */
export interface ServedRunOptions extends RunOptions {
  /** Of a model that keeps state: which sequence it belongs to, and where in it. */
  readonly sequence?: SequenceStep | undefined;
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
  /** By output: what its classes are called. */
  readonly labels?: ReadonlyMap<string, readonly string[]> | undefined;
  /** Whether its requests belong to sequences; false by default. */
  readonly keepsState?: boolean | undefined;
  /** The models that it runs, where it runs others: these are not unloaded before it. */
  readonly parts?: readonly string[] | undefined;
  /** The most rows of a batch; undefined: it has none. */
  readonly maxBatchSize?: number | undefined;
  run(feeds: Feeds, options: ServedRunOptions): Promise<Outputs>;
  stats(): ModelStats | undefined;
  dispose(): Promise<void>;
}

export class Servable {
  #users = 0;
  #isDraining = false;
  #onIdle: (() => void) | undefined;
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

  get parts(): readonly string[] | undefined {
    return this.#runnable.parts;
  }

  /** The most rows of a batch; undefined: it has none. */
  get maxBatchSize(): number | undefined {
    return this.#runnable.maxBatchSize;
  }

  /** What the classes of an output are called; undefined, where nobody says. */
  labelsOf(output: string): readonly string[] | undefined {
    return this.#runnable.labels?.get(output);
  }

  stats(): ModelStats | undefined {
    return this.#runnable.stats();
  }

  /** `work` has it until the promise settles. */
  async use<T>(work: (servable: this) => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work(this);
    } finally {
      this.#users--;
      if (this.#users === 0) this.#onIdle?.();
    }
  }

  /** Errors: ERR_NOT_SUPPORTED (a sequence, of a model without state); those of `model.run`. */
  async run(feeds: Feeds, options: ServedRunOptions = {}): Promise<Outputs> {
    const started = performance.now();
    const trace = traceRun(this.name, this.version);
    try {
      if (options.sequence !== undefined && !this.keepsState) {
        throw new TensorlaneError(
          'ERR_NOT_SUPPORTED',
          `sequences: model '${this.name}' keeps no state; sequence_batching in its config.pbtxt says which of its outputs are`,
        );
      }
      const observed = trace === undefined ? options : { ...options, observer: trace.observer };
      const work = () => this.#runnable.run(feeds, observed);
      const outputs = await (trace?.around === undefined ? work() : trace.around(work));
      this.statistics.succeeded(performance.now() - started);
      trace?.end();
      return outputs;
    } catch (error) {
      trace?.end(error);
      this.statistics.failed(performance.now() - started, isAbort(error));
      throw error;
    }
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
    await this.#runnable.dispose();
  }
}

const isAbort = (error: unknown) => error instanceof TensorlaneError && error.code === 'ERR_ABORTED';
