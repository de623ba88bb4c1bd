// Models that are JS, each in a thread of its own: a chain of models and operations is one model to who asks for it, and its steps share batches
// with the jobs of others.
//
// The rules: whatever its code does, locks are extended and other jobs go on; what ends its thread fails the jobs that it has, which are tried
// again, and the next finds a new thread; and a run that was given up and does not end soon ends with its thread.

import { Worker } from 'node:worker_threads';
import { type ErrorCode, TensorlaneError } from 'tensorlane';
import type { Tensors } from '../payload/tensors.js';
import type { HandlerContext } from './handler-context.js';
import { type FromThread, packed, type ThreadData, type Told, type ToThread, told } from './js-messages.js';

/** What `run` of a JS model is given beside its inputs. */
export interface JsContext extends HandlerContext {
  /** Operations and models of the worker, by name. Errors: those that jobs of this name have. */
  readonly models: {
    run(name: string, feeds: Tensors, how?: { readonly options?: Readonly<Record<string, unknown>> }): Promise<Tensors>;
  };
}

/** What of the worker a JS model may run. */
export type RunNamed = (name: string, feeds: Tensors, context: HandlerContext) => Promise<Tensors>;

export interface JsLimits {
  /** The most that a thread's JS heap may take; Node's own bound by default. */
  readonly heapMiB: number | undefined;
  /** For how long a run may go on after it was given up. */
  readonly graceMs: number;
}

/** A thread has no loader of TypeScript: it runs what was compiled, also where this file is not. */
const program = new URL(
  import.meta.url.replace(/\/lib\/worker\/[^/]*$/, '/dist/worker/').replace(/[^/]*$/, 'js-thread.js'),
);

interface Running {
  readonly context: HandlerContext;
  resolve(outputs: Tensors): void;
  reject(error: TensorlaneError): void;
  /** It has ended, and nothing ends its thread any more. */
  over(): void;
}

class Thread {
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #name: string;
  readonly #runNamed: RunNamed;
  readonly #graceMs: number;
  readonly #running = new Map<number, Running>();
  #last = 0;
  #why = 'its thread ended';

  constructor(data: ThreadData, runNamed: RunNamed, limits: JsLimits, ended: () => void) {
    this.#name = data.name;
    this.#runNamed = runNamed;
    this.#graceMs = limits.graceMs;
    const heap = limits.heapMiB === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: limits.heapMiB } };
    // Without the options of this process: a loader of a test's or a tool's is none of a thread's business.
    this.#worker = new Worker(program, { workerData: data, execArgv: [], ...heap });
    this.#worker.unref();
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: FromThread) => {
        if (message.kind === 'ready') resolve();
        else if (message.kind === 'broken') reject(errorOf(message.error));
        else this.#hear(message);
      });
      this.#worker.on('error', (error) => {
        this.#why = error.message;
      });
      this.#worker.on('exit', () => {
        ended();
        const error = () => new TensorlaneError('ERR_MODEL', `${this.#name}: ${this.#why}`);
        for (const one of this.#running.values()) {
          one.over();
          one.reject(error());
        }
        this.#running.clear();
        reject(error());
      });
    });
    this.ready.catch(() => {});
  }

  run(feeds: Tensors, context: HandlerContext): Promise<Tensors> {
    const number = ++this.#last;
    return new Promise((resolve, reject) => {
      const { id, attempt, options, signal } = context;
      let grace: NodeJS.Timeout | undefined;
      const over = () => {
        clearTimeout(grace);
        signal.removeEventListener('abort', giveUp);
      };
      this.#running.set(number, { context, resolve, reject, over });
      const { copies, memory } = packed(feeds);
      this.#say({ kind: 'run', run: number, feeds: copies, context: { id, attempt, options } }, memory);
      const giveUp = () => {
        this.#say({ kind: 'abort', run: number, reason: told(signal.reason) });
        grace = setTimeout(() => {
          this.#why = `a run that was given up went on for ${this.#graceMs} ms, and its thread was ended`;
          void this.end();
        }, this.#graceMs);
      };
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #say(message: ToThread, memory: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, memory);
  }

  #hear(message: Exclude<FromThread, { kind: 'ready' | 'broken' }>): void {
    const one = this.#running.get(message.run);
    if (message.kind === 'call') {
      void this.#answer(message, one);
    } else if (message.kind === 'progress') {
      // Where Redis is away, the next says it.
      one?.context.progress(message.value).catch(() => {});
    } else {
      this.#running.delete(message.run);
      one?.over();
      if (message.kind === 'done') one?.resolve(message.outputs);
      else one?.reject(errorOf(message.error));
    }
  }

  async #answer(
    { call, name, feeds, options }: FromThread & { kind: 'call' },
    one: Running | undefined,
  ): Promise<void> {
    try {
      if (one === undefined) throw new TensorlaneError('ERR_ABORTED', `${this.#name}: the run that asks has ended`);
      const { copies, memory } = packed(await this.#runNamed(name, feeds, { ...one.context, options }));
      this.#say({ kind: 'answer', call, outputs: copies }, memory);
    } catch (reason) {
      this.#say({ kind: 'refusal', call, error: told(reason) });
    }
  }
}

export class JsModel {
  readonly #make: () => Thread;
  #thread: Thread | undefined;
  #disposed = false;

  private constructor(data: ThreadData, runNamed: RunNamed, limits: JsLimits) {
    this.#make = () => {
      const made: Thread = new Thread(data, runNamed, limits, () => {
        if (this.#thread === made) this.#thread = undefined;
      });
      return made;
    };
  }

  /** Errors: ERR_MODEL (it cannot be imported), ERR_ARGUMENT (what it exports is no model). */
  static async load(data: ThreadData, runNamed: RunNamed, limits: JsLimits): Promise<JsModel> {
    const model = new JsModel(data, runNamed, limits);
    try {
      await model.#started();
    } catch (reason) {
      await model.dispose();
      throw reason;
    }
    return model;
  }

  /** Errors: what it throws by its code, else ERR_MODEL, also where its thread ends. */
  async run(feeds: Tensors, context: HandlerContext): Promise<Tensors> {
    return (await this.#started()).run(feeds, context);
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    await this.#thread?.end();
  }

  async #started(): Promise<Thread> {
    if (this.#disposed) throw new TensorlaneError('ERR_DISPOSED', 'the worker has been closed');
    this.#thread ??= this.#make();
    const thread = this.#thread;
    await thread.ready;
    return thread;
  }
}

function errorOf({ code, message }: Told): TensorlaneError {
  return new TensorlaneError((code ?? 'ERR_INTERNAL') as ErrorCode, message);
}
