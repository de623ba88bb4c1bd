// numpy as a peer: a Python process kept for the whole suite, so that rounds can alternate.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('numpy_svd.py', import.meta.url));

/** What a Python says of itself. */
export interface NumpyInfo {
  readonly executable: string;
  readonly python: string;
  readonly numpy: string;
  /** The BLAS library's file, and OpenBLAS's description of itself. */
  readonly blas: string | null;
  readonly config: string | null;
  readonly threads: number | null;
}

export interface NumpyTimes {
  readonly ms: number[];
  readonly singularValues: number[];
}

export class Numpy {
  readonly info: NumpyInfo;
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(info: NumpyInfo, process: ChildProcess, answers: AsyncIterator<string>) {
    this.info = info;
    this.#process = process;
    this.#answers = answers;
  }

  /** Every numpy there is among the python3 of PATH and the system's own. */
  static async openAll(threads: number, log: (line: string) => void): Promise<Numpy[]> {
    const found = new Map<string, Numpy>();
    for (const python of candidates()) {
      const numpy = await Numpy.#open(python, threads, log);
      if (numpy === undefined) continue;
      const itself = realpathSync(numpy.info.executable);
      if (found.has(itself)) {
        await numpy.close(); // The same Python under another name.
        continue;
      }
      found.set(itself, numpy);
      const { info } = numpy;
      log(
        `numpy ${info.numpy} in ${python}: ${info.config ?? 'unknown BLAS'} from ${info.blas}, ${info.threads} threads`,
      );
    }
    return [...found.values()];
  }

  static async #open(python: string, threads: number, log: (line: string) => void): Promise<Numpy | undefined> {
    // OpenBLAS makes its threads when it is loaded, so it must be told before as well as by the script.
    const env = { ...process.env, OPENBLAS_NUM_THREADS: String(threads) };
    const child = spawn(python, [script, String(threads)], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    child.on('error', () => {}); // Reported by the lines ending.
    child.stdin.on('error', () => {});
    const lines: Interface = createInterface({ input: child.stdout });
    const answers = lines[Symbol.asyncIterator]();
    const first = await answers.next();
    const hello = first.done === true ? { error: 'does not start' } : (JSON.parse(first.value) as NumpyInfo);
    if ('error' in hello) {
      log(`numpy: ${python} ${hello.error}`);
      return undefined;
    }
    return new Numpy(hello, child, answers);
  }

  async svd(file: string, n: number, repeat: number, warmup: number): Promise<NumpyTimes> {
    this.#process.stdin?.write(`${JSON.stringify({ file, n, repeat, warmup })}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error(`${this.info.executable} ended early`);
    const { seconds, s } = JSON.parse(answer.value) as { seconds: number[]; s: number[] };
    return { ms: seconds.map((second) => second * 1000), singularValues: s };
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    this.#process.stdin?.end();
    await once(this.#process, 'exit');
  }
}

/** The python3 of PATH and the system's own. */
export function candidates(): string[] {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin'];
  const files = folders.filter((folder) => folder !== '').map((folder) => join(folder, 'python3'));
  return [...new Set(files)].filter((file) => existsSync(file));
}
