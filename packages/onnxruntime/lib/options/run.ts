// onnxruntime-node's run options: it has two of them, logSeverityLevel and tag. The others that onnxruntime-common declares (terminate,
// logVerbosityLevel, extra) it passes over, and so are they here.

import { severity, wanted } from './session';

/** What ONNX Runtime's log tells of one run, as tensorlane takes it. */
export interface RunLog {
  logSeverityLevel?: 0 | 1 | 2 | 3 | 4;
  tag?: string;
}

/** undefined where nothing is other than what the session has, `ofSession`. Errors: TypeError, RangeError. */
export function runLog(given: unknown, ofSession: number): RunLog | undefined {
  if (given === null || typeof given !== 'object') throw new TypeError("'runOptions' must be an object.");
  const options = given as Readonly<Record<string, unknown>>;
  const log: RunLog = {};
  if ('logSeverityLevel' in options) {
    wanted('runOptions.logSeverityLevel', options.logSeverityLevel, 'number');
    const level = severity('runOptions', options.logSeverityLevel as number);
    if (level !== ofSession) log.logSeverityLevel = level;
  }
  if ('tag' in options) {
    wanted('runOptions.tag', options.tag, 'string');
    // As C has it.
    const [tag] = (options.tag as string).split('\0', 1);
    if (tag) log.tag = tag;
  }
  return log.logSeverityLevel === undefined && log.tag === undefined ? undefined : log;
}
