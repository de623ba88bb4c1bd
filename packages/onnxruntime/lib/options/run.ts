// onnxruntime-node's run options: two of them are checked; the others it passes over.

import { severity, wanted } from './session';

/** Errors: TypeError, RangeError. */
export function checkRunOptions(given: unknown): void {
  if (given === null || typeof given !== 'object') throw new TypeError("'runOptions' must be an object.");
  const options = given as Readonly<Record<string, unknown>>;
  if ('logSeverityLevel' in options) {
    wanted('runOptions.logSeverityLevel', options.logSeverityLevel, 'number');
    severity('runOptions', options.logSeverityLevel as number);
  }
  if ('tag' in options) wanted('runOptions.tag', options.tag, 'string');
}
