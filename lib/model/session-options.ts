// ONNX Runtime's settings of a session, under onnxruntime-node's names. What is unknown, or of another kind than its name asks
// for, is refused by name: nothing is converted, nothing passed over.

import type { SessionSettings } from '../../binding.js';
import { flag, mostThreads, namesOf, oneOf, plainObject, refuseUnknown, text, wholeNumber } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import { arrayKind } from '../tensor/dtypes.js';
import { asBytes } from './source.js';

/** What is left out stays as ONNX Runtime has it. How many threads a run has is `threads`, beside `session`. */
export interface SessionOptions {
  /** How far the graph is rewritten while it loads; 'all' by default. */
  graphOptimizationLevel?: 'disabled' | 'basic' | 'extended' | 'layout' | 'all' | undefined;
  /** 'parallel' runs branches of the graph at once, on threads of its own. */
  executionMode?: 'sequential' | 'parallel' | undefined;
  /** How many threads branches run on, where the mode is 'parallel'; as many as there are cores by default. */
  interOpNumThreads?: number | undefined;
  /** Sizes for free dimensions, by their names in the model. A model whose batch gets one is not batched. */
  freeDimensionOverrides?: Readonly<Record<string, number>> | undefined;
  /** Paths of shared libraries with operators of one's own: they export RegisterCustomOps. */
  customOpsLibraries?: readonly string[] | undefined;
  /** Whether memory between runs is kept for the next one. */
  enableCpuMemArena?: boolean | undefined;
  /** Whether the memory of a run is planned ahead, for shapes that come again. */
  enableMemPattern?: boolean | undefined;
  /** Where the model is written to as it was rewritten. */
  optimizedModelFilePath?: string | undefined;
  /** Writes a trace of every node's time to a file, which is complete when the model is disposed. Needs `profileFilePrefix`. */
  enableProfiling?: boolean | undefined;
  /** The path that the file's name begins with: behind it come the date and time, and '.json'. */
  profileFilePrefix?: string | undefined;
  /** Names the session in ONNX Runtime's log, which goes to stderr. */
  logId?: string | undefined;
  /** 0 verbose, 1 info, 2 warning, 3 error, 4 fatal. */
  logSeverityLevel?: 0 | 1 | 2 | 3 | 4 | undefined;
  /** How verbose 0 is. */
  logVerbosityLevel?: number | undefined;
  /** ONNX Runtime's configuration entries, nested or with dots: { session: { set_denormal_as_zero: '1' } }. */
  extra?: Readonly<Record<string, unknown>> | undefined;
}

/** A file that holds weights of the model. */
export interface ExternalDataFile {
  /** As the model names it: relative to the model's own file. */
  readonly path: string;
  /** Its bytes, which are read until `loadModel` resolves. */
  readonly data: ArrayBufferView | ArrayBufferLike;
}

const names = namesOf<SessionOptions>({
  graphOptimizationLevel: true,
  executionMode: true,
  interOpNumThreads: true,
  freeDimensionOverrides: true,
  customOpsLibraries: true,
  enableCpuMemArena: true,
  enableMemPattern: true,
  optimizedModelFilePath: true,
  enableProfiling: true,
  profileFilePrefix: true,
  logId: true,
  logSeverityLevel: true,
  logVerbosityLevel: true,
  extra: true,
});

/** ONNX Runtime's GraphOptimizationLevel. */
const levels = { disabled: 0, basic: 1, extended: 2, layout: 3, all: 99 } as const;
const levelNames = Object.keys(levels) as (keyof typeof levels)[];

/** The widest dimension: one that a JS number holds exactly. */
const widest = Number.MAX_SAFE_INTEGER;

/** As the addon takes them. Errors: ERR_ARGUMENT. */
export function completeSessionOptions(options: SessionOptions): SessionSettings {
  refuseUnknown(plainObject('session', options), names, 'loadModel: session');
  const settings: SessionSettings = {
    freeDimensions: freeDimensions(options.freeDimensionOverrides),
    configEntries: options.extra === undefined ? [] : entriesOf(options.extra),
    customOpsLibraries: libraries(options.customOpsLibraries),
  };
  const set = <K extends keyof SessionSettings>(name: K, value: SessionSettings[K] | undefined) => {
    if (value !== undefined) settings[name] = value;
  };
  const given = <K extends keyof SessionOptions, T>(name: K, check: (what: string, value: unknown) => T) =>
    options[name] === undefined ? undefined : check(`session.${name}`, options[name]);
  const isTrue = (what: string, value: unknown) => flag(what, value, false);
  const integer = (least: number, most: number) => (what: string, value: unknown) =>
    wholeNumber(what, value, least, least, most);

  set(
    'graphOptimizationLevel',
    given('graphOptimizationLevel', (what, value) => levels[oneOf(what, value, 'all', levelNames)]),
  );
  const mode = oneOf('session.executionMode', options.executionMode, 'sequential', ['sequential', 'parallel']);
  if (options.executionMode !== undefined) set('parallel', mode === 'parallel');
  const threads = given('interOpNumThreads', integer(1, mostThreads));
  // One thread is what a session has that runs nodes one after the other; 0 is as many as there are cores.
  set('interOpNumThreads', threads ?? (mode === 'parallel' ? 0 : undefined));
  set('enableCpuMemArena', given('enableCpuMemArena', isTrue));
  set('enableMemPattern', given('enableMemPattern', isTrue));
  set('logId', text('session.logId', options.logId));
  set('logSeverityLevel', given('logSeverityLevel', integer(0, 4)));
  set('logVerbosityLevel', given('logVerbosityLevel', integer(0, 2 ** 31 - 1)));
  set('optimizedModelFilePath', text('session.optimizedModelFilePath', options.optimizedModelFilePath));
  const prefix = text('session.profileFilePrefix', options.profileFilePrefix);
  if (given('enableProfiling', isTrue)) {
    if (prefix === undefined) {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        'session.profileFilePrefix is required with enableProfiling: the path of its file',
      );
    }
    set('profileFilePrefix', prefix);
  }
  return settings;
}

function freeDimensions(given: SessionOptions['freeDimensionOverrides']): (string | number)[] {
  const name = 'session.freeDimensionOverrides';
  return Object.entries(given === undefined ? {} : plainObject(name, given)).flatMap(([dimension, size]) => [
    text(`${name}: a name`, dimension)!,
    wholeNumber(`${name}.${dimension}`, size ?? null, 0, 0, widest),
  ]);
}

function libraries(given: SessionOptions['customOpsLibraries']): string[] {
  const name = 'session.customOpsLibraries';
  if (given === undefined) return [];
  if (!Array.isArray(given)) throw wrong(name, 'an array of paths', given);
  return given.map((path, i) => text(`${name}[${i}]`, path ?? null)!);
}

/** Errors: ERR_ARGUMENT, also for an entry that two ways of writing it give two values. */
function entriesOf(extra: object): string[] {
  const entries = new Map<string, string>();
  for (const [key, value] of configEntries('session.extra', extra, '')) {
    if (!entries.has(key)) entries.set(key, value);
    else
      throw new TensorlaneError('ERR_ARGUMENT', `session.extra: '${key}' is given twice, nested and by its whole name`);
  }
  return [...entries].flat();
}

function* configEntries(name: string, given: object, prefix: string): Generator<[string, string]> {
  for (const [key, value] of Object.entries(plainObject(name, given))) {
    const whole = prefix + key;
    if (typeof value === 'string') yield [text(`${name}: a key`, whole)!, noNul(`${name}.${key}`, value)];
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      yield* configEntries(`${name}.${key}`, value, `${whole}.`);
    } else throw wrong(`${name}.${key}`, 'a string, or an object of them', value);
  }
}

function noNul(name: string, value: string): string {
  return value === '' ? value : text(name, value)!;
}

/** Errors: ERR_ARGUMENT. */
export function checkedExternalData(files: readonly ExternalDataFile[]): { path: string; data: Uint8Array }[] {
  if (!Array.isArray(files)) throw wrong('externalData', 'an array of { path, data }', files);
  return files.map((file, i) => {
    const name = `externalData[${i}]`;
    refuseUnknown(plainObject(name, file), new Set(['path', 'data']), `loadModel: ${name}`);
    const path = text(`${name}.path`, file.path ?? null)!;
    const data = asBytes(file.data);
    if (data !== undefined) return { path, data };
    throw wrong(`${name}.data`, 'its bytes as a Uint8Array or ArrayBuffer', file.data);
  });
}

function wrong(name: string, expected: string, value: unknown): TensorlaneError {
  const got = typeof value === 'object' ? arrayKind(value) : shown(value);
  return new TensorlaneError('ERR_ARGUMENT', `${name} must be ${expected}, got ${got}`);
}
