// The processes of the suite `jobs`. A full run starts each anew for every part of the suite, so that no part meets what another has left
// in one. A short run, which only shows that all parts work, has the same few do one part after the other: to start a process takes longer
// than what it is then asked for.

import { Child } from '../../lib/cli/load/child.js';
import type { JobsWorker } from './jobs-worker.js';

export class Cast {
  /** Of a short run: those that have nothing to do. */
  readonly #idle: Child<JobsWorker>[] = [];

  constructor(readonly short: boolean) {}

  /** `node`: what runs it in place of this process's own Node. */
  take(name: string, node?: string): Child<JobsWorker> {
    const idle = node === undefined ? this.#idle.pop() : undefined;
    return idle ?? new Child<JobsWorker>(new URL('./jobs-worker.ts', import.meta.url), name, {}, node);
  }

  /** Their part is over. */
  async release(children: readonly Child<JobsWorker>[]): Promise<void> {
    if (!this.short) return endAll(children);
    await Promise.all(children.map((one) => one.call('rest', undefined as never)));
    this.#idle.push(...children);
  }

  close(): Promise<void> {
    return endAll(this.#idle);
  }
}

/** Ends them. So it has to be with one that another Node runs: nobody can take that again. */
export async function endAll(children: readonly Child<JobsWorker>[]): Promise<void> {
  await Promise.all(children.map((one) => one.close()));
}
