// What is tensorlane's own to set: for the process by the environment, for a program by env.tensorlane, for a session by
// extra.tensorlane. The nearest says what holds. Unlike ONNX Runtime's options, one that is misspelt is refused by name.

/** How sessions run, beyond what onnxruntime-node's options say. */
export interface TensorlaneOptions {
  /** Whether runs at once of one session share batches where its model keeps rows apart; true by default. TENSORLANE_BATCHING. */
  batching?: boolean | undefined;
  /** The most rows of a batch; 32 by default. TENSORLANE_MAX_BATCH_SIZE. */
  maxBatchSize?: number | undefined;
  /** How long a batch may wait for more rows while nothing else runs, in microseconds; 0 by default. TENSORLANE_MAX_QUEUE_DELAY_MICROS. */
  maxQueueDelayMicros?: number | undefined;
  /** Batches of a session in flight at once; what gives the most by default. TENSORLANE_CONCURRENCY. */
  concurrency?: number | undefined;
  /** That rows of the model do not change one another's outputs, where its graph does not show it. TENSORLANE_INDEPENDENT_ROWS. */
  independentRows?: boolean | undefined;
  /**
   * Whether inputs of more than 64 KiB are copied when `run` is called, so that their owner may reuse them at once; true by default.
   * With false they must stay as they are until the run has settled. TENSORLANE_COPY_INPUTS.
   */
  copyInputs?: boolean | undefined;
  /** Lanes of the device that all sessions of a thread share; one a core by default. The first session decides. TENSORLANE_STREAMS. */
  streams?: number | undefined;
}

const kinds: Readonly<Record<keyof TensorlaneOptions, 'flag' | number>> = {
  batching: 'flag',
  maxBatchSize: 1,
  maxQueueDelayMicros: 0,
  concurrency: 1,
  independentRows: 'flag',
  copyInputs: 'flag',
  streams: 1,
};
const names = Object.keys(kinds) as (keyof TensorlaneOptions)[];
const flags: Readonly<Record<string, boolean>> = {
  1: true,
  true: true,
  on: true,
  yes: true,
  0: false,
  false: false,
  off: false,
  no: false,
};

/** `given` are env.tensorlane and the session's own, by the keys of extra behind 'tensorlane.'. Errors: TypeError. */
export function tensorlaneOptions(ofProgram: unknown, ofSession: ReadonlyMap<string, unknown>): TensorlaneOptions {
  const options: TensorlaneOptions = {};
  for (const name of names) {
    const variable = `TENSORLANE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
    const text = process.env[variable];
    if (text) set(options, name, text, variable);
  }
  if (ofProgram !== undefined) {
    if (ofProgram === null || typeof ofProgram !== 'object') throw new TypeError('env.tensorlane must be an object.');
    for (const [name, value] of Object.entries(ofProgram)) set(options, name, value, `env.tensorlane.${name}`);
  }
  for (const [name, value] of ofSession) set(options, name, value, `sessionOptions.extra.tensorlane.${name}`);
  return options;
}

function set(options: TensorlaneOptions, name: string, value: unknown, what: string): void {
  if (!Object.hasOwn(kinds, name)) {
    throw new TypeError(`Invalid argument: ${what} is no option of tensorlane's; it has ${names.join(', ')}.`);
  }
  if (value === undefined) return;
  const kind = kinds[name as keyof TensorlaneOptions];
  (options as Record<string, unknown>)[name] = kind === 'flag' ? flag(value, what) : number(value, kind, what);
}

function flag(value: unknown, what: string): boolean {
  const known = typeof value === 'boolean' ? value : flags[String(value).toLowerCase()];
  if (known === undefined)
    throw new TypeError(`Invalid argument: ${what} must be true or false, got ${String(value)}.`);
  return known;
}

function number(value: unknown, least: number, what: string): number {
  const known = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (Number.isSafeInteger(known) && (known as number) >= least) return known as number;
  throw new TypeError(`Invalid argument: ${what} must be a whole number of at least ${least}, got ${String(value)}.`);
}
