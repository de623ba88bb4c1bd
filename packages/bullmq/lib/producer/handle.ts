// A job as its caller sees it.

import type { TensorlaneError } from 'tensorlane';
import { checkNames, refuse, shown } from '../core/checks.js';

/** 'gone': the queue does not know it any more. */
export type JobState = 'waiting' | 'delayed' | 'active' | 'completed' | 'failed' | 'waiting-children' | 'gone';

export interface ResultOptions {
  /** Ends the waiting (ERR_ABORTED); the job itself goes on, unless it is cancelled. */
  signal?: AbortSignal | undefined;
}

const resultNames = { signal: true } as const;

/** Of a job that was added here. */
export interface Added {
  /** Whether its end is told here. */
  readonly isOwn: boolean;
  /** What it carries. */
  readonly trace?: string | undefined;
}

/** What a handle asks of its queue. */
export interface HandleOwner {
  resultOf(id: string, signal: AbortSignal | undefined, added: Added | undefined): Promise<unknown>;
  stateOf(id: string): Promise<JobState>;
  progressOf(id: string): Promise<unknown>;
  onProgress(id: string, listener: (progress: unknown) => void): () => void;
  cancel(id: string, reason: string | undefined): Promise<boolean>;
}

export class JobHandle<R = unknown> {
  readonly id: string;
  readonly name: string;
  readonly #owner: HandleOwner;
  readonly #given: (outputs: never) => R;
  readonly #added: Added | undefined;

  /** @internal */
  constructor(owner: HandleOwner, id: string, name: string, given: (outputs: never) => R, added?: Added) {
    this.#added = added;
    this.#owner = owner;
    this.id = id;
    this.name = name;
    this.#given = given;
  }

  /**
   * Waits for its end. May be called again, as long as the queue keeps the result.
   *
   * Errors: ERR_ARGUMENT; why it failed, by its code; ERR_ABORTED (cancelled, removed, or by the signal), ERR_TIMEOUT, ERR_NOT_FOUND (the queue has
   * neither it nor its result any more), ERR_DISPOSED (the queue was closed).
   */
  async result(options: ResultOptions = {}): Promise<R> {
    const { signal } = checkNames('result', options, resultNames);
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      refuse(`result: signal must be an AbortSignal, got ${shown(signal)}`);
    }
    const outputs = await this.#owner.resultOf(this.id, signal, this.#added);
    return this.#given(outputs as never);
  }

  state(): Promise<JobState> {
    return this.#owner.stateOf(this.id);
  }

  /** What its handler said last; 0 before it says anything. */
  progress(): Promise<unknown> {
    return this.#owner.progressOf(this.id);
  }

  /** Hears what its handler says. Gives what ends that. */
  onProgress(listener: (progress: unknown) => void): () => void {
    return this.#owner.onProgress(this.id, listener);
  }

  /**
   * Takes it out of the queue, or, where it runs, tells its worker to give it up; its result is then ERR_ABORTED. Whether there was
   * anything to cancel: false where it had ended.
   */
  cancel(reason?: string): Promise<boolean> {
    return this.#owner.cancel(this.id, reason);
  }
}

/** One that failed for good. */
export interface DeadLetter {
  readonly id: string;
  readonly name: string;
  /** Why, as its caller got it. */
  readonly error: TensorlaneError;
  /** How often it was tried. */
  readonly attempts: number;
  /** Milliseconds since 1970. */
  readonly failedAt: number;
}
