// The versions of one model: what is served, and how it gets from what is there to what is wanted.
//
// The rules: a new version is loaded and warm before it takes requests, and only then does an old one drain. One that fails to load changes
// nothing, and is tried again when its files change, or some times more. A label moves only to a version that is loaded. What is served and no
// longer fits the models that it runs is taken down, since each of its requests would fail.

import { TensorlaneError } from 'tensorlane';
import type { FoundVersion, FoundVersions } from '../repository/scan.js';
import { LateError } from './modules.js';
import { type VersionPolicy, wantedVersions } from './options.js';
import type { Servable } from './servable.js';
import { VersionStatistics } from './statistics.js';

/** TensorFlow Serving's words for where a version is in its life. */
export type VersionState = 'START' | 'LOADING' | 'AVAILABLE' | 'UNLOADING' | 'END';

export interface VersionStatus {
  readonly version: number;
  readonly state: VersionState;
  /** Why it could not be loaded, or the newer files of it. */
  readonly error?: unknown;
}

interface Entry {
  state: VersionState;
  servable: Servable | undefined;
  /** Of what is served. */
  fingerprint: string | undefined;
  failure: { readonly fingerprint: string; readonly error: unknown; attempts: number } | undefined;
  readonly statistics: VersionStatistics;
}

/** Triton's words, which its clients look for. */
export const unknownModel = (name: string) => `Request for unknown model: '${name.slice(0, 200)}'`;

export type LoadVersion = (version: number, found: FoundVersion, statistics: VersionStatistics) => Promise<Servable>;

/** What is to be served of what is found. */
export interface Wanted {
  readonly versions: VersionPolicy;
  readonly labels: ReadonlyMap<string, number>;
}

const mostAttempts = 5;

export class Versions {
  readonly #entries = new Map<number, Entry>();
  readonly #labels = new Map<string, number>();
  readonly #draining = new Set<Promise<void>>();
  readonly #load: LoadVersion;
  readonly #onChange: (change: VersionStatus) => void;

  constructor(
    readonly name: string,
    load: LoadVersion,
    /** Told of a version that begins to be served, ends, or cannot be loaded. */
    onChange: (change: VersionStatus) => void = () => {},
  ) {
    this.#load = load;
    this.#onChange = onChange;
  }

  get status(): VersionStatus[] {
    return [...this.#entries].map(([version, { state, failure }]) => ({
      version,
      state,
      ...(failure === undefined ? {} : { error: failure.error }),
    }));
  }

  get labels(): ReadonlyMap<string, number> {
    return this.#labels;
  }

  get hasAvailable(): boolean {
    return this.#available().length > 0;
  }

  /** Those that are served, the highest first. */
  get available(): Servable[] {
    return this.#available().map((version) => this.#entries.get(version)!.servable!);
  }

  /** The highest version that is served, unless one is named. Errors: ERR_NOT_FOUND. */
  resolve({ version, label }: { version?: number | undefined; label?: string | undefined } = {}): Servable {
    let wanted = version;
    if (label !== undefined) {
      wanted = this.#labels.get(label);
      if (wanted === undefined) {
        const known = [...this.#labels.keys()].map((one) => `'${one}'`).join(', ');
        throw new TensorlaneError(
          'ERR_NOT_FOUND',
          `model '${this.name}' has no label '${label}'${known ? `; it has ${known}` : ''}`,
        );
      }
    }
    wanted ??= this.#available()[0];
    const servable = wanted === undefined ? undefined : this.#entries.get(wanted)?.servable;
    if (servable !== undefined) return servable;
    const available = this.#available();
    throw new TensorlaneError(
      'ERR_NOT_FOUND',
      wanted === undefined
        ? `${unknownModel(this.name)} has no version that is loaded${this.#why()}`
        : `${unknownModel(this.name)} version ${wanted} is not found; loaded are ${available.join(', ') || 'none'}`,
    );
  }

  /** Brings what is served to what is wanted of what was found. Never rejects: what fails is told by `status`. */
  async reconcile(found: FoundVersions, { versions: policy, labels }: Wanted): Promise<void> {
    const wanted = wantedVersions(policy, found.keys());
    for (const version of wanted) await this.#bringUp(version, found.get(version)!);
    this.#moveLabels(labels);
    // What is not wanted goes as what is wanted takes its place: as many stay, the highest, as are missing; and all, where nothing has.
    const missing = wanted.filter((version) => this.#entries.get(version)?.servable === undefined).length;
    const others = this.#available().filter((version) => !wanted.includes(version));
    const kept = missing === wanted.length && missing > 0 ? others : others.slice(0, missing);
    for (const [version, entry] of this.#entries) {
      if (wanted.includes(version)) continue;
      // Of what is not wanted nobody asks any more why it failed.
      entry.failure = undefined;
      if (entry.servable === undefined && entry.state !== 'UNLOADING' && !found.has(version))
        this.#entries.delete(version);
      else if (!kept.includes(version)) this.#takeDown(version, entry);
    }
  }

  /** What there is of it cannot be read: what is served stays, and why is told. */
  unreadable(error: unknown): void {
    const served = this.#available();
    for (const version of served.length > 0 ? served : [1]) {
      this.#fail(version, this.#entryOf(version), `unreadable ${(error as Error).message}`, error);
    }
  }

  /** All of them go. */
  unload(): void {
    for (const [version, entry] of this.#entries) this.#takeDown(version, entry);
  }

  /** Until what was unloaded has answered its last request. */
  async drained(): Promise<void> {
    while (this.#draining.size > 0) await Promise.all(this.#draining);
  }

  async #bringUp(version: number, found: FoundVersion): Promise<void> {
    const { fingerprint, problem } = found;
    const entry = this.#entryOf(version);
    if (entry.servable !== undefined && entry.fingerprint === fingerprint) {
      entry.failure = undefined;
      return;
    }
    const { failure } = entry;
    const isTried = failure?.fingerprint === fingerprint && failure.attempts >= mostAttempts;
    if (isTried && !(failure.error instanceof LateError)) return;
    if (failure?.fingerprint === fingerprint && problem !== undefined) return;
    if (entry.servable === undefined) entry.state = 'LOADING';
    try {
      if (problem !== undefined) throw problem;
      const servable = await this.#load(version, found, entry.statistics);
      const old = entry.servable;
      // From here on requests get the new one.
      Object.assign(entry, { state: 'AVAILABLE', servable, fingerprint, failure: undefined });
      this.#onChange({ version, state: 'AVAILABLE' });
      if (old !== undefined) this.#drain(old);
    } catch (error) {
      this.#fail(version, entry, fingerprint, error);
    }
  }

  #fail(version: number, entry: Entry, fingerprint: string, error: unknown): void {
    const { failure, servable } = entry;
    const attempts = failure?.fingerprint === fingerprint ? failure.attempts + 1 : 1;
    if (servable?.fits === false) this.#takeDown(version, entry);
    else if (servable === undefined && entry.state !== 'UNLOADING')
      entry.state = error instanceof LateError ? 'LOADING' : 'END';
    entry.failure = { fingerprint, error, attempts };
    // One that fails again as before is no news.
    const isKnown = attempts > 1 && String(failure?.error) === String(error);
    if (!isKnown) this.#onChange({ version, state: entry.state, error });
  }

  #entryOf(version: number): Entry {
    let entry = this.#entries.get(version);
    if (entry === undefined) {
      const statistics = new VersionStatistics();
      entry = { state: 'START', servable: undefined, fingerprint: undefined, failure: undefined, statistics };
      this.#entries.set(version, entry);
    }
    return entry;
  }

  #takeDown(version: number, entry: Entry): void {
    const { servable } = entry;
    if (servable === undefined) return;
    Object.assign(entry, { state: 'UNLOADING', servable: undefined, fingerprint: undefined, failure: undefined });
    for (const [label, labelled] of this.#labels) if (labelled === version) this.#labels.delete(label);
    this.#drain(servable, () => {
      if (entry.state === 'UNLOADING') entry.state = 'END';
      this.#onChange({ version, state: 'END' });
    });
  }

  #drain(servable: Servable, after = () => {}): void {
    const done = servable
      .drain()
      .catch(() => {}) // a device that was lost meanwhile has nothing left to give back
      .then(() => {
        this.#draining.delete(done);
        after();
      });
    this.#draining.add(done);
  }

  #moveLabels(labels: ReadonlyMap<string, number>): void {
    for (const label of this.#labels.keys()) if (!labels.has(label)) this.#labels.delete(label);
    for (const [label, version] of labels) {
      if (this.#entries.get(version)?.servable !== undefined) this.#labels.set(label, version);
    }
  }

  #available(): number[] {
    return [...this.#entries]
      .filter(([, { servable }]) => servable !== undefined)
      .map(([version]) => version)
      .sort((a, b) => b - a);
  }

  #why(): string {
    const failed = [...this.#entries].find(([, { failure }]) => failure !== undefined);
    return failed === undefined ? '' : `; version ${failed[0]} failed: ${(failed[1].failure!.error as Error).message}`;
  }
}
