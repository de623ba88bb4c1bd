// onnxruntime-node's session options, checked in its order and with its words.
//
// The rules it keeps: a key that is there, even with undefined, has to be of its kind; a key that is not known is passed over; so are
// those that onnxruntime-node declares and does not read (freeDimensionOverrides, enableGraphCapture, logVerbosityLevel).

import type { LoadModelOptions } from 'tensorlane';
import { streamed } from '../errors';
import { type Extra, extraOf } from './extra';
import { type Placement, placement } from './providers';

type RuntimeOptions = NonNullable<LoadModelOptions['session']>;

export interface SessionOptions {
  readonly placement: Placement;
  /** 0: as many as there are. */
  readonly intraOpNumThreads: number;
  readonly runtime: RuntimeOptions;
  readonly tensorlane: Extra['tensorlane'];
  readonly externalData: LoadModelOptions['externalData'];
  /** As it was given: it is checked when the outputs are known. */
  readonly preferredOutputLocation: unknown;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const levels = ['disabled', 'basic', 'extended', 'layout', 'all'];
const modes = ['sequential', 'parallel'];
/** More threads than any machine has: what is above is as good as it. */
const mostThreads = 1024;

/** `logSeverityLevel` holds where the session has none of its own. Errors: TypeError, RangeError, Error. */
export function sessionOptions(given: object, logSeverityLevel: number): SessionOptions {
  const options = given as Readonly<Record<string, unknown>>;
  const where = placement(providersOf(options));
  const runtime: Writable<RuntimeOptions> = { logSeverityLevel: logSeverityLevel as 2 };
  const intraOpNumThreads = threads(options, 'intraOpNumThreads');
  const interOpNumThreads = threads(options, 'interOpNumThreads');
  if (interOpNumThreads > 0) runtime.interOpNumThreads = interOpNumThreads;
  take(options, 'graphOptimizationLevel', 'string', (level) => {
    runtime.graphOptimizationLevel = oneOf('graphOptimizationLevel', level, levels);
  });
  take(options, 'enableCpuMemArena', 'boolean', (value) => {
    runtime.enableCpuMemArena = value;
  });
  take(options, 'enableMemPattern', 'boolean', (value) => {
    runtime.enableMemPattern = value;
  });
  take(options, 'optimizedModelFilePath', 'string', (path) => {
    if (path !== '') runtime.optimizedModelFilePath = path;
  });
  const extra = 'extra' in options ? extraOf(options.extra) : { entries: {}, tensorlane: new Map() };
  runtime.extra = extra.entries;
  take(options, 'executionMode', 'string', (mode) => {
    runtime.executionMode = oneOf('executionMode', mode, modes);
  });
  take(options, 'logId', 'string', (id) => {
    if (id !== '') runtime.logId = id;
  });
  take(options, 'logSeverityLevel', 'number', (level) => {
    runtime.logSeverityLevel = severity('sessionOptions', level);
  });
  take(options, 'enableProfiling', 'boolean', (enabled) => {
    if (enabled) Object.assign(runtime, { enableProfiling: true, profileFilePrefix: profilePrefix(options) });
  });
  return {
    placement: where,
    intraOpNumThreads,
    runtime,
    tensorlane: extra.tensorlane,
    externalData: externalData(options.externalData),
    preferredOutputLocation: options.preferredOutputLocation,
  };
}

/**
 * Those that onnxruntime-common left. Of frozen options its proxy cannot give them, as they are not the ones that are there: these are
 * then looked at without it, and of them those that it would have left.
 */
function providersOf(options: Readonly<Record<string, unknown>>): unknown {
  try {
    return options.executionProviders;
  } catch (refusal) {
    const frozen = Reflect.getOwnPropertyDescriptor(options, 'executionProviders')?.value;
    if (!(refusal instanceof TypeError) || !Array.isArray(frozen)) throw refusal;
    const known = new Set(['cpu', 'cuda', 'tensorrt', 'webgpu']);
    return frozen.filter((one) => known.has(typeof one === 'string' ? one : one?.name));
  }
}

interface Kinds {
  string: string;
  number: number;
  boolean: boolean;
}
const kindsInWords = { string: 'a string', number: 'a number', boolean: 'a boolean value' };

/** Errors: TypeError. */
export function wanted(what: string, value: unknown, kind: keyof Kinds): void {
  if (typeof value !== kind) throw new TypeError(`Invalid argument: ${what} must be ${kindsInWords[kind]}.`);
}

function take<Kind extends keyof Kinds>(
  options: Readonly<Record<string, unknown>>,
  name: string,
  kind: Kind,
  use: (value: Kinds[Kind]) => void,
): void {
  if (!(name in options)) return;
  const value = options[name];
  wanted(`sessionOptions.${name}`, value, kind);
  use(value as Kinds[Kind]);
}

function threads(options: Readonly<Record<string, unknown>>, name: string): number {
  let count = 0;
  take(options, name, 'number', (value) => {
    if (!Number.isInteger(value) || value < 0 || value > 2 ** 32 - 1) {
      throw new RangeError(`'${name}' is invalid: ${streamed(value)}`);
    }
    count = Math.min(value, mostThreads);
  });
  return count;
}

function oneOf<T extends string>(name: string, value: string, known: readonly string[]): T {
  if (known.includes(value)) return value as T;
  throw new TypeError(`'${name}' is not supported: ${value}`);
}

/** Errors: RangeError. */
export function severity(what: string, level: number): 0 | 1 | 2 | 3 | 4 {
  if (Number.isInteger(level) && level >= 0 && level <= 4) return level as 0;
  throw new RangeError(`Invalid argument: ${what}.logSeverityLevel must be one of the following: 0, 1, 2, 3, 4.`);
}

function profilePrefix(options: Readonly<Record<string, unknown>>): string {
  const when = 'when sessionOptions.enableProfiling is set to true.';
  if (!('profileFilePrefix' in options)) {
    throw new TypeError(`Invalid argument: sessionOptions.profileFilePrefix is required ${when}`);
  }
  const { profileFilePrefix } = options;
  if (typeof profileFilePrefix === 'string') return profileFilePrefix;
  throw new TypeError(`Invalid argument: sessionOptions.profileFilePrefix must be a string. ${when}`);
}

function externalData(given: unknown): LoadModelOptions['externalData'] {
  if (given === undefined || given === null) return undefined;
  const what = 'Invalid argument: sessionOptions.externalData';
  if (!Array.isArray(given)) throw new TypeError(`${what} must be an array.`);
  return given.map((file: unknown) => {
    if (file === null || typeof file !== 'object') {
      throw new TypeError(`${what} value must be an object in Node.js binding.`);
    }
    const { path, data } = file as { path?: unknown; data?: unknown };
    if (typeof path !== 'string') {
      throw new TypeError(`${what} value must have a 'path' property of type string in Node.js binding.`);
    }
    if (!ArrayBuffer.isView(data)) {
      throw new TypeError(
        `${what} value must have an 'data' property of type buffer or typed array in Node.js binding.`,
      );
    }
    return { path, data };
  });
}
