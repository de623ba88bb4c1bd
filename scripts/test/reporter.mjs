// vitest's own report, and how far it is.
import { DefaultReporter } from 'vitest/node';

export default class extends DefaultReporter {
  #files = 0;
  #done = 0;

  /** @override */
  onTestRunStart(specifications) {
    this.#files = specifications.length;
    super.onTestRunStart(specifications);
  }

  /** @override */
  onTestModuleEnd(module) {
    super.onTestModuleEnd(module);
    this.#done++;
    if (this.#done % 5 === 0 || this.#done === this.#files) this.log(`   ${this.#done} of ${this.#files} files`);
  }
}
