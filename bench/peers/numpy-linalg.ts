// numpy's linear algebra as a peer, with the kernels that its BLAS takes by itself: see numpy_linalg.py.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Job, Outcome } from './linalg-process.js';

/** Without what says which kernels OpenBLAS is to take, for both sides alike. */
export const OWN_KERNELS = { OPENBLAS_CORETYPE: undefined, OPENBLAS_L2_SIZE: undefined } as const;

interface Hello {
  readonly executable: string;
  readonly numpy: string;
  /** Null where there is none. */
  readonly sklearn: string | null;
  readonly blas: string | null;
  /** The processor for whose kind OpenBLAS has chosen its kernels. */
  readonly core: string | null;
}

export class NumpyLinalg {
  readonly info: Hello;
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(info: Hello, process: ChildProcess, answers: AsyncIterator<string>) {
    this.info = info;
    this.#process = process;
    this.#answers = answers;
  }

  /** That of python3; undefined where there is none. */
  static async open(threads: number): Promise<NumpyLinalg | undefined> {
    const script = fileURLToPath(new URL('numpy_linalg.py', import.meta.url));
    const env = { ...process.env, ...OWN_KERNELS, OPENBLAS_NUM_THREADS: String(threads) };
    const child = spawn('python3', [script, String(threads)], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    child.on('error', () => {}); // Reported by the lines ending.
    child.stdin.on('error', () => {});
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await answers.next();
    if (first.done === true) return undefined;
    const hello = JSON.parse(first.value) as Hello | { error: string };
    return 'error' in hello ? undefined : new NumpyLinalg(hello, child, answers);
  }

  async run(job: Job): Promise<Outcome> {
    const { iterations, ...rest } = job;
    this.#process.stdin?.write(`${JSON.stringify({ ...rest, repeat: iterations, warmup: 1 })}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error(`${this.info.executable} ended early`);
    const { seconds, sum } = JSON.parse(answer.value) as { seconds: number[]; sum: number };
    return { ms: seconds.map((second) => second * 1000), sum };
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    this.#process.stdin?.end();
    await once(this.#process, 'exit');
  }
}
