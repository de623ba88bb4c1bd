// Another build of the addon as a peer, in a process of its own: a process loads one.

import { Child } from '../../lib/cli/load/child.js';
import type { Methods } from './addon-process.js';

export class OtherAddon {
  readonly #process: Child<Methods>;

  constructor(readonly file: string) {
    const script = new URL('./addon-process.ts', import.meta.url);
    this.#process = new Child<Methods>(script, file, { TENSORLANE_ADDON: file });
  }

  /** Its OpenBLAS, as that tells of itself. */
  library(): Promise<string> {
    return this.#process.call('library', undefined);
  }

  /** Decomposes the float64 matrix of order n in `matrix` some times over, after once that does not count. */
  svd(matrix: string, n: number, iterations: number): Promise<Awaited<ReturnType<Methods['svd']>>> {
    return this.#process.call('svd', { matrix, n, iterations });
  }

  close(): Promise<void> {
    return this.#process.close();
  }
}
