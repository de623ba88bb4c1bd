// Workers in processes of their own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from './until.js';

const program = fileURLToPath(new URL('worker.mjs', import.meta.url));

export class WorkerProcess {
  readonly #child: ChildProcess;
  #printed = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#printed += text;
    });
  }

  /** `from`: the file of another version of the package. */
  static async start(queue: string, url: string, options: object = {}, from?: string): Promise<WorkerProcess> {
    const args = [program, queue, url, JSON.stringify(options), ...(from === undefined ? [] : [from])];
    const one = new WorkerProcess(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
    await until(() => one.#printed.includes('ready') || one.ended);
    return one;
  }

  /** The jobs that its handlers have begun. */
  get begun(): number {
    return this.#printed.split('\n').filter((line) => line !== '' && line !== 'ready').length;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Gives what it ended with. */
  async end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    if (!this.ended) {
      const exit = once(this.#child, 'exit');
      this.#child.kill(signal);
      await exit;
    }
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
