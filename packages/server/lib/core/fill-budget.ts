// Elements that a request did not send itself: one value that stands for those after it, or a feature that all examples share.
//
// The rule: all that one request asks for so has a bound, so that what it costs goes by the bytes that came.

import { invalid } from './errors.js';

/** Of one request, whatever the number of its inputs. */
const mostFilled = 1_000_000;

export class FillBudget {
  #elements = 0;

  /** Errors: INVALID_ARGUMENT, where it is too much. */
  add(what: string, elements: number): void {
    this.#elements += elements;
    if (this.#elements <= mostFilled) return;
    throw invalid(`${what}: no more than ${mostFilled} elements of a request are filled, the others must be sent`);
  }
}
