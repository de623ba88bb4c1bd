// The modules of models in JS, as they are imported.
//
// The rule: nobody waits for one longer than a while, since a module may await whatever it likes and no import can be called off. One that is late
// is imported once, and served when it has come.

import { pathToFileURL } from 'node:url';
import { TensorlaneError } from 'tensorlane';

/** Other models wait so long for one. */
const patienceSeconds = 10;

/** Of one that is still to come. */
export class LateError extends TensorlaneError {}

interface Late {
  readonly fingerprint: string;
  readonly module: Promise<object>;
  isThere: boolean;
}

let loads = 0;

export class Modules {
  /** By file. */
  readonly #late = new Map<string, Late>();
  readonly #over = new AbortController();
  readonly #onCome: () => void;

  /** `onCome`: one that was late can be loaded now. */
  constructor(onCome: () => void) {
    this.#onCome = onCome;
  }

  /** What a file exports, whose present state has this fingerprint. Errors: LateError (ERR_TIMEOUT, ERR_DISPOSED), those of importing. */
  async load(file: string, fingerprint: string): Promise<object> {
    const late = this.#late.get(file);
    if (late?.fingerprint === fingerprint && !late.isThere) throw lateError(file);
    this.#late.delete(file);
    if (late?.fingerprint === fingerprint) return late.module;
    // Node keeps a module by its URL: what is loaded anew needs another.
    const module = import(`${pathToFileURL(file).href}?load=${++loads}`) as Promise<object>;
    if (await this.#comes(module)) return module;
    if (this.#over.signal.aborted) throw new LateError('ERR_DISPOSED', 'the engine is closed');
    this.#keep(file, { fingerprint, module, isThere: false });
    throw lateError(file);
  }

  /** Whoever waits goes on, and nothing is loaded any more. */
  close(): void {
    this.#over.abort();
  }

  /** Whether it has come, or failed, in time. */
  async #comes(module: Promise<object>): Promise<boolean> {
    const { signal } = this.#over;
    let stop = () => {};
    const patience = new Promise<false>((resolve) => {
      const give = () => resolve(false);
      const timer = setTimeout(give, patienceSeconds * 1000);
      signal.addEventListener('abort', give);
      stop = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', give);
      };
      if (signal.aborted) give();
    });
    const come = module.then(
      () => true,
      () => true,
    );
    try {
      return await Promise.race([come, patience]);
    } finally {
      stop();
    }
  }

  #keep(file: string, late: Late): void {
    this.#late.set(file, late);
    const come = () => {
      late.isThere = true;
      if (this.#late.get(file) === late && !this.#over.signal.aborted) this.#onCome();
    };
    late.module.then(come, come);
  }
}

function lateError(file: string): LateError {
  return new LateError(
    'ERR_TIMEOUT',
    `${file} has been importing for more than ${patienceSeconds} seconds: it is served when it has come`,
  );
}
