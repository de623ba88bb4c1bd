// What a run of a model takes, and what it gives.

import type { RunLog } from '../../binding.js';
import type { RequestOptions } from '../batching/request-options.js';
import { flag, namesOf, plainObject, refuseUnknown, requiredWholeNumber, text } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import type { DeviceTensor } from '../runtime/device-tensor.js';
import { arrayKind } from '../tensor/dtypes.js';
import type { ModelValue, Tensor } from '../tensor/types.js';

/** Tensors, in host memory or on the model's device, by the names of inputs; arrays, Maps or null where an input is no tensor. */
export type Feeds = Readonly<Record<string, ModelValue | DeviceTensor>>;

/** Tensors by the names of outputs. */
export type Outputs = Record<string, Tensor>;

export interface RunOptions<Name extends string = string> extends RequestOptions {
  /** The outputs that are wanted; all by default. */
  outputs?: readonly Name[] | undefined;
  /** Whether outputs stay on the device: they are DeviceTensors then, which their owner disposes. */
  resident?: boolean | undefined;
  /**
   * Whether it shares no batch; false by default. Whether its shapes are what the model takes is then for ONNX Runtime to say, which
   * passes some that are not as declared: inputs of several sizes, or [1] for a scalar.
   */
  alone?: boolean | undefined;
  /**
   * How much ONNX Runtime's log, on stderr, tells of this run: 0 verbose, 1 info, 2 warning, 3 error, 4 fatal; the model's own by
   * default. A run with this, or with one of the next two, shares no batch: what the log tells is of this run alone.
   */
  logSeverityLevel?: 0 | 1 | 2 | 3 | 4 | undefined;
  /** How verbose 0 is. */
  logVerbosityLevel?: number | undefined;
  /** Names the run in the log. */
  tag?: string | undefined;
}

const names = namesOf<RunOptions>({
  outputs: true,
  resident: true,
  alone: true,
  logSeverityLevel: true,
  logVerbosityLevel: true,
  tag: true,
  signal: true,
  abortWhileRunning: true,
  priority: true,
  timeoutMicros: true,
  deadlineMicros: true,
  observer: true,
});

/** That they are tensors by name; whether they are the model's inputs, its signature says. Errors: ERR_ARGUMENT. */
export function requireFeeds(feeds: unknown): asserts feeds is Readonly<Record<string, unknown>> {
  if (feeds !== null && typeof feeds === 'object') return;
  throw new TensorlaneError(
    'ERR_ARGUMENT',
    `run: expected an object of tensors by input name, got ${arrayKind(feeds)}`,
  );
}

/** That they are options, and none is unknown; what each is, is checked where it is used. Errors: ERR_ARGUMENT. */
export function checkRunOptions(options: RunOptions): void {
  refuseUnknown(plainObject('run: options', options), names, 'run');
  flag('run: resident', options.resident, false);
  flag('run: alone', options.alone, false);
}

/** What its options say of the log; undefined where nothing. Errors: ERR_ARGUMENT. */
export function logOf({ logSeverityLevel, logVerbosityLevel, tag }: RunOptions): RunLog | undefined {
  if (logSeverityLevel === undefined && logVerbosityLevel === undefined && tag === undefined) return undefined;
  const log: RunLog = {};
  if (logSeverityLevel !== undefined) {
    log.severityLevel = requiredWholeNumber('run: logSeverityLevel', logSeverityLevel, 0, 4);
  }
  if (logVerbosityLevel !== undefined) {
    log.verbosityLevel = requiredWholeNumber('run: logVerbosityLevel', logVerbosityLevel, 0, 2 ** 31 - 1);
  }
  if (tag !== undefined) log.tag = text('run: tag', tag)!;
  return log;
}
