// Runs measurements in a child process and asks it for them one by one.
//
// Why a process for each library: ONNX Runtime's and OpenBLAS's threads keep spinning for a while after they have worked,
// garbage of one library is collected on the other's time, and the event loop under test must have nothing else to do.
// Two children that take turns share the machine but nothing else.

import { type ChildProcess, fork } from 'node:child_process';
import { TensorlaneError, toTensorlaneError } from '../../core/errors.js';

type Methods = Record<string, (argument: never) => unknown>;
type Argument<M> = M extends (argument: infer A) => unknown ? A : never;
type Result<M> = M extends (argument: never) => infer R ? Awaited<R> : never;

interface Call {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
  /** Of a TensorlaneError: its own message, as the parent throws it again. */
  readonly told?: { readonly code: string; readonly message: string };
}

/** Longer than any single step of a benchmark takes: a child that hangs must not hang the run. */
const timeoutMs = 180_000;

/** In the parent: a child process that runs `script` and offers the methods M. */
export class Child<M extends Methods> {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #name: string;
  #calls = 0;
  #gone: Error | undefined;

  /** `node`: what runs in place of this process's own, with the same arguments. */
  constructor(script: URL, name: string, env: NodeJS.ProcessEnv = {}, node: string = process.execPath) {
    this.#name = name;
    // execArgv is inherited, and with it the loader that runs TypeScript. 'advanced' carries typed arrays.
    this.#process = fork(script, {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...env },
      execPath: node,
    });
    this.#process.on('message', (answer: Answer) => {
      const call = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.error === undefined) call?.resolve(answer.result);
      else if (answer.told !== undefined) call?.reject(toTensorlaneError(Object.assign(new Error(), answer.told)));
      else call?.reject(new Error(`${name}: ${answer.error}`));
    });
    this.#process.on('exit', (code, signal) => {
      this.#gone = new Error(`${name}: its process ended early (${signal ?? `exit status ${code}`})`);
      for (const { reject } of this.#waiting.values()) reject(this.#gone);
    });
  }

  call<K extends keyof M & string>(method: K, argument: Argument<M[K]>): Promise<Result<M[K]>> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const id = this.#calls++;
    return new Promise<Result<M[K]>>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#process.kill('SIGKILL');
        reject(new Error(`${this.#name}: no answer to "${method}" within ${timeoutMs / 1000} s`));
      }, timeoutMs);
      const settle =
        <T>(action: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          action(value);
        };
      this.#waiting.set(id, { resolve: settle(resolve as (value: unknown) => void), reject: settle(reject) });
      this.#process.send({ id, method, argument } satisfies Call);
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** Ends it now, whatever it does; what it was asked for fails. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Lets the child end by itself, which shows that nothing keeps it alive; ends it if it does not. */
  async close(): Promise<void> {
    if (this.#gone !== undefined) return;
    const exited = new Promise<number | null>((resolve) => this.#process.once('exit', resolve));
    this.#process.disconnect();
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 10_000);
    const code = await exited;
    clearTimeout(timer);
    if (code !== 0) throw new Error(`${this.#name}: its process did not end cleanly (exit status ${code})`);
  }
}

/** In the child: answers calls one after the other until the parent lets go, then runs `close`. */
export function serve(methods: Methods, close: () => Promise<void>): void {
  process.on('message', async ({ id, method, argument }: Call) => {
    let answer: Answer;
    try {
      answer = { id, result: await methods[method]?.(argument as never) };
    } catch (error) {
      answer = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
      if (error instanceof TensorlaneError) answer = { ...answer, told: { code: error.code, message: error.message } };
    }
    if (process.connected) process.send?.(answer); // A parent that was ended wants no answer.
  });
  process.once('disconnect', close);
}
