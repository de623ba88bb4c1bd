// Which requests are traced: Triton's trace settings, of all models, and of one what differs from that.
//
// The rule: a change holds whole or not at all, and what leads into files (which one) is not for calls to say.

import { TensorlaneError } from 'tensorlane';
import { invalid, Refusal } from '../core/errors.js';
import { integerOf, objectOf, shown, wrongOption } from '../core/options.js';
import { TraceFile } from './file.js';

export interface TraceOptions {
  /** Where traces are written, as Triton writes them: JSON, a file that is begun anew. Without it they go to OpenTelemetry alone. */
  file?: string | undefined;
  /** 'TIMESTAMPS', the default, traces; 'OFF' does not. */
  level?: TraceLevel | undefined;
  /** Of so many inferences of a model's, one is traced; 1 by default. */
  rate?: number | undefined;
  /** So many are traced, and then no more; -1, the default: any number. */
  count?: number | undefined;
  /** So many traces are in a file, and the next are in FILE.1, FILE.2 and so on; 0, the default: all are in one. */
  logFrequency?: number | undefined;
}

export type TraceLevel = 'OFF' | 'TIMESTAMPS';

interface Values {
  readonly level: TraceLevel;
  readonly rate: number;
  readonly count: number;
  readonly logFrequency: number;
}

/** A value that is cleared is again what it was before anything was said: of a model, that of all; of all, that of the start. */
type Change = { readonly [Name in keyof Values]?: Values[Name] | null };

/** As the protocols have them: by name, one value or several; null clears it. */
export type TraceChange = Readonly<Record<string, readonly string[] | null>>;

const optionNames: Readonly<Record<keyof TraceOptions, true>> = {
  file: true,
  level: true,
  rate: true,
  count: true,
  logFrequency: true,
};
const most = 2 ** 31 - 1;

/** Errors: ERR_ARGUMENT. */
export function checkTraceOptions(options: TraceOptions = {}): TraceOptions {
  objectOf('trace', options, optionNames);
  const { file, level } = options;
  if (file !== undefined && (typeof file !== 'string' || file === '')) {
    throw wrongOption(`trace.file must be a file's path, got ${shown(file)}`);
  }
  if (level !== undefined && level !== 'OFF' && level !== 'TIMESTAMPS') {
    throw wrongOption(`trace.level must be 'OFF' or 'TIMESTAMPS', got ${shown(level)}`);
  }
  integerOf('trace.rate', options.rate, 1, 1);
  integerOf('trace.count', options.count, -1, -1);
  integerOf('trace.logFrequency', options.logFrequency, 0, 0);
  return options;
}

/** What is said of all models, or of one. */
interface Said {
  values: { -readonly [Name in keyof Values]?: Values[Name] };
  /** Inferences that came. */
  seen: number;
}

/** Of all models: at the start, and what was said since. */
interface AllValues {
  readonly start: Values;
  readonly all: Said;
}

const defaults: Values = { level: 'TIMESTAMPS', rate: 1, count: -1, logFrequency: 0 };
const ofAll = ({ start, all }: AllValues): Values => ({ ...start, ...all.values });

export class Tracing {
  /** Undefined: there is none. */
  readonly file: TraceFile | undefined;
  readonly #values: AllValues;
  readonly #models = new Map<string, Said>();

  private constructor(values: AllValues, file: TraceFile | undefined) {
    this.#values = values;
    this.file = file;
  }

  /** Errors: ERR_ARGUMENT (a file that cannot be written). */
  static async start({ file, ...given }: TraceOptions): Promise<Tracing> {
    const said = Object.entries(given).filter(([, value]) => value !== undefined);
    const values = { start: { ...defaults, ...Object.fromEntries(said) }, all: { values: {}, seen: 0 } };
    if (file === undefined) return new Tracing(values, undefined);
    try {
      return new Tracing(values, await TraceFile.open(file, () => ofAll(values).logFrequency));
    } catch (cause) {
      throw new TensorlaneError('ERR_ARGUMENT', `trace.file cannot be written: ${(cause as Error).message}`, { cause });
    }
  }

  /**
   * Whether a request is traced, one of those of which somebody would have its trace. `model`: what it infers with; undefined: it is no
   * inference, and is not counted.
   */
  samples(model: string | undefined): boolean {
    const { level, rate, count } = this.#valuesOf(model);
    if (level === 'OFF') return false;
    if (model === undefined) return true;
    const own = this.#models.get(model);
    const said = own ?? this.#values.all;
    if (++said.seen % rate !== 0 || count === 0) return false;
    // What is said of a model alone is counted alone.
    if (count > 0) (own?.values.count === undefined ? this.#values.all : own).values.count = count - 1;
    return true;
  }

  /** As Triton tells them: of a model, or of all. */
  settings(model: string | undefined): Readonly<Record<string, string | readonly string[]>> {
    const { level, rate, count, logFrequency } = this.#valuesOf(model);
    return {
      trace_level: [level],
      trace_rate: String(rate),
      trace_count: String(count),
      ...(this.file === undefined
        ? { trace_mode: 'opentelemetry' }
        : { log_frequency: String(logFrequency), trace_file: this.file.path, trace_mode: 'triton' }),
    };
  }

  /** Errors: INVALID_ARGUMENT; UNIMPLEMENTED, of what calls may not say. */
  change(model: string | undefined, given: TraceChange): void {
    const change = changeOf(given);
    if (model !== undefined && change.logFrequency !== undefined) {
      throw new Refusal('UNIMPLEMENTED', 'log_frequency is of the trace file, and not of a model');
    }
    const said = (model === undefined ? this.#values.all : this.#models.get(model)) ?? { values: {}, seen: 0 };
    const values = Object.entries({ ...said.values, ...change }).filter(([, value]) => value !== null);
    said.values = Object.fromEntries(values);
    if (model === undefined) return;
    if (values.length > 0) this.#models.set(model, said);
    else this.#models.delete(model);
  }

  async close(): Promise<void> {
    await this.file?.close();
  }

  #valuesOf(model: string | undefined): Values {
    const own = model === undefined ? undefined : this.#models.get(model);
    return { ...ofAll(this.#values), ...own?.values };
  }
}

const readers: Readonly<Record<string, (name: string, values: readonly string[] | null) => Change>> = {
  trace_level: (_, values) => ({ level: values && levelOf(values) }),
  trace_rate: (name, values) => ({ rate: values && wholeOf(name, values, 1) }),
  trace_count: (name, values) => ({ count: values && wholeOf(name, values, -1) }),
  log_frequency: (name, values) => ({ logFrequency: values && wholeOf(name, values, 0) }),
  trace_file: () => refused('trace file location can not be updated through network protocol'),
  trace_mode: () => refused('trace_mode is what the server was started with: a file, or OpenTelemetry'),
};

function changeOf(given: TraceChange): Change {
  return Object.assign(
    {},
    ...Object.entries(given).map(([name, values]) => {
      if (Object.hasOwn(readers, name)) return readers[name]!(name, values);
      throw invalid(`there is no trace setting '${name.slice(0, 100)}'; there is ${Object.keys(readers).join(', ')}`);
    }),
  ) as Change;
}

function levelOf(values: readonly string[]): TraceLevel {
  if (values.length === 1 && (values[0] === 'OFF' || values[0] === 'TIMESTAMPS')) return values[0];
  if (values.includes('TENSORS')) refused('trace_level TENSORS: tensors are in no trace here');
  throw invalid(`trace_level must be OFF or TIMESTAMPS, got ${values.join(', ').slice(0, 100) || 'nothing'}`);
}

function wholeOf(name: string, values: readonly string[], least: number): number {
  const [text = ''] = values;
  const value = values.length === 1 && /^-?\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw invalid(`${name} must be an integer from ${least} to ${most}, got ${values.join(', ').slice(0, 100)}`);
}

function refused(why: string): never {
  throw new Refusal('UNIMPLEMENTED', why);
}
