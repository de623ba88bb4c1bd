// A version of a model that is loaded, and who uses it.
//
// The rule: it is given back only when nobody uses it any more. Whoever has it before that is answered.

import type { Feeds, ModelStats, Outputs, RunOptions, ValueInfo } from 'tensorlane';
import { TensorlaneError } from 'tensorlane';
import type { VersionStatistics } from './statistics.js';

/** What a version runs. */
export interface Runnable {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** As the Open Inference Protocol names it. */
  readonly platform: string;
  /** Of what requests may ask, from 1. */
  readonly priorityLevels: number;
  run(feeds: Feeds, options: RunOptions): Promise<Outputs>;
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

  /** Errors: those of `model.run`. */
  async run(feeds: Feeds, options: RunOptions = {}): Promise<Outputs> {
    const started = performance.now();
    try {
      const outputs = await this.#runnable.run(feeds, options);
      this.statistics.succeeded(performance.now() - started);
      return outputs;
    } catch (error) {
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
