// Celery as a peer: numpy's SVD through Redis, with workers and producers as many as those that it stands beside.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('celery_svd.py', import.meta.url));
const env = { ...process.env, OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1', C_FORCE_ROOT: '1' };

/** Longer than it takes to start, or any round: one that hangs ends. */
const mostMs = 60_000;

class Python {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(args: readonly string[]) {
    this.child = spawn('python3', [script, ...args], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    this.child.on('error', () => {});
    this.child.stdin!.on('error', () => {});
    this.#lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  /** What Celery itself prints is none of ours. */
  async answer(): Promise<Readonly<Record<string, unknown>>> {
    const late = setTimeout(() => this.child.kill('SIGKILL'), mostMs);
    try {
      return await this.#answer();
    } finally {
      clearTimeout(late);
    }
  }

  async #answer(): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const { done, value } = await this.#lines.next();
      if (done === true) return { error: 'does not start' };
      if (value.startsWith('{')) return JSON.parse(value);
    }
  }

  async ask(question: object): Promise<Readonly<Record<string, unknown>>> {
    this.child.stdin!.write(`${JSON.stringify(question)}\n`);
    return this.answer();
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
  }
}

export class Celery {
  readonly versions: string;
  readonly #all: readonly Python[];
  readonly #producers: readonly Python[];

  private constructor(versions: string, worker: Python, producers: readonly Python[]) {
    this.versions = versions;
    this.#all = [worker, ...producers];
    this.#producers = producers;
  }

  /** Why there is none, as text. */
  static async start(url: string, workers: number, producers: number): Promise<Celery | string> {
    const worker = new Python(['worker', url, `${workers}`]);
    const ready = await worker.answer();
    if ('error' in ready) {
      await worker.end();
      return `python3 ${String(ready.error)}`;
    }
    const all = Array.from({ length: producers }, () => new Python(['produce', url]));
    const [first] = await Promise.all(all.map((one) => one.answer()));
    return new Celery(`Celery ${String(ready.ready)}, numpy ${String(first!.numpy)}`, worker, all);
  }

  /** SVDs a second. */
  async svds(n: number, atOnce: number, ms: number): Promise<number> {
    const done = await Promise.all(this.#producers.map((one) => one.ask({ n, atOnce, ms })));
    return done.reduce((sum, { done: count }) => sum + Number(count), 0) / (ms / 1000);
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((one) => one.end()));
  }
}
