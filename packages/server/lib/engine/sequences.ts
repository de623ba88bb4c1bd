// The sequences of a model that keeps state: which request belongs to which, by the id that it brings, and what its model is told of that.
//
// The rules: the first of a sequence says so, and so does the last; one that nothing comes for ends by itself, and so does one that begins anew
// under the same id. A sequence is of one version: where that goes, it begins anew.

import {
  type Feeds,
  type Model,
  type Outputs,
  type RunOptions,
  type Sequence,
  type Tensor,
  TensorlaneError,
} from 'tensorlane';

/** What a request says of its sequence. */
export interface SequenceStep {
  readonly id: string | number | bigint;
  readonly start: boolean;
  readonly end: boolean;
}

/** An input that says where in its sequence a request is. */
export interface SequenceControl {
  readonly name: string;
  tensor(step: SequenceStep): Tensor;
}

export interface SequenceSettings {
  /** For each input that is state, the output that it comes from. */
  readonly states: Readonly<Record<string, string>>;
  readonly initial: Readonly<Record<string, Tensor>>;
  readonly controls: readonly SequenceControl[];
  readonly idleMicros: number;
  /** Whether the first dimension of inputs is the rows, of which a sequence has one. */
  readonly isBatched: boolean;
}

/** Of one version at a time; whoever wants more has to wait, or is no client. */
const mostSequences = 10_000;

interface Entry {
  /** Undefined, where the model is only told where it is. */
  readonly sequence: Sequence | undefined;
  running: number;
  timer: NodeJS.Timeout | undefined;
}

export class Sequences {
  readonly #model: Model;
  readonly #name: string;
  readonly #settings: SequenceSettings;
  readonly #entries = new Map<string, Entry>();
  readonly #ending = new Set<Promise<void>>();

  constructor(model: Model, name: string, settings: SequenceSettings) {
    this.#model = model;
    this.#name = name;
    this.#settings = settings;
    // What cannot be a sequence is refused now.
    void this.#sequence()?.dispose();
  }

  /** Errors: ERR_ARGUMENT (no start), ERR_QUEUE_FULL (too many), ERR_SHAPE (several rows), and those of `model.run`. */
  async run(feeds: Feeds, options: RunOptions, step: SequenceStep): Promise<Outputs> {
    if (this.#settings.isBatched) this.#requireOneRow(feeds);
    const key = `${typeof step.id === 'string' ? 'text' : 'number'} ${step.id}`;
    const entry = this.#entryOf(key, step);
    clearTimeout(entry.timer);
    // A next one of the same id begins anew, whatever becomes of this.
    if (step.end) this.#entries.delete(key);
    const controls = this.#settings.controls.map((control) => [control.name, control.tensor(step)]);
    const given = { ...feeds, ...Object.fromEntries(controls) } as Feeds;
    entry.running++;
    try {
      return (await (entry.sequence ?? this.#model).run(given, options)) as Outputs;
    } finally {
      entry.running--;
      if (step.end) this.#free(entry);
      else this.#rest(key, entry);
    }
  }

  /** Ends all of them. */
  async dispose(): Promise<void> {
    for (const entry of this.#entries.values()) this.#free(entry);
    this.#entries.clear();
    await Promise.all(this.#ending);
  }

  #entryOf(key: string, { id, start }: SequenceStep): Entry {
    const known = this.#entries.get(key);
    if (known !== undefined && !start) return known;
    if (!start) {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `inference request for sequence ${String(id).slice(0, 100)} to model '${this.#name}' must specify the START flag on the first request of the sequence`,
      );
    }
    if (known !== undefined) this.#free(known);
    else if (this.#entries.size >= mostSequences) {
      throw new TensorlaneError(
        'ERR_QUEUE_FULL',
        `'${this.#name}' has ${mostSequences} sequences, the most that it has`,
      );
    }
    const entry: Entry = { sequence: this.#sequence(), running: 0, timer: undefined };
    this.#entries.set(key, entry);
    return entry;
  }

  #sequence(): Sequence | undefined {
    const { states, initial } = this.#settings;
    return Object.keys(states).length === 0 ? undefined : (this.#model.sequence({ states, initial }) as Sequence);
  }

  #rest(key: string, entry: Entry): void {
    if (entry.running > 0 || this.#entries.get(key) !== entry) return;
    entry.timer = setTimeout(() => {
      this.#entries.delete(key);
      this.#free(entry);
    }, this.#settings.idleMicros / 1000).unref();
  }

  /** What it has accepted it still answers. */
  #free({ sequence, timer }: Entry): void {
    clearTimeout(timer);
    if (sequence === undefined) return;
    const done = sequence.dispose().finally(() => this.#ending.delete(done));
    this.#ending.add(done);
  }

  #requireOneRow(feeds: Feeds): void {
    for (const [name, value] of Object.entries(feeds)) {
      const { dims } = value as Tensor;
      if (!Array.isArray(dims) || dims[0] === 1) continue;
      throw new TensorlaneError('ERR_SHAPE', `input '${name}': a request of a sequence has one row, got ${dims[0]}`);
    }
  }
}
