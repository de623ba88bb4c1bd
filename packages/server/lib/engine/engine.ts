// The engine: models in their versions, on one device, without any transport. Every protocol is a way to it, so that the requests of all of
// them share batches.

import { type Device, type Feeds, type Outputs, open, TensorlaneError } from 'tensorlane';
import { ConfigReader } from '../repository/config.js';
import type { FoundVersions, Scan } from '../repository/scan.js';
import { Watch } from '../repository/watch.js';
import { requireWithin } from '../repository/within.js';
import { Tracing } from '../trace/settings.js';
import { versionsOf } from '../triton/options.js';
import { Given, type GivenModel, requireGiven } from './given.js';
import { loadVersion } from './load.js';
import { look } from './look.js';
import { Modules } from './modules.js';
import {
  checkEngineOptions,
  checkModels,
  defaultPolicy,
  type EngineOptions,
  type EngineSettings,
  type ModelConfig,
  type ModelSettings,
  noSettings,
} from './options.js';
import { dependentsLast, withParts } from './parts.js';
import { type ModelReference, referenceTo } from './reference.js';
import type { Servable, ServedRunOptions } from './servable.js';
import { SharedMemory } from './shared-memory.js';
import { BatchListener } from './statistics.js';
import { unknownModel, type VersionState, type VersionStatus, Versions, type Wanted } from './versions.js';

export type { ModelReference } from './reference.js';

export interface ModelStatus {
  readonly name: string;
  readonly versions: readonly VersionStatus[];
}

/** What became of a version of a model. */
export interface EngineChange {
  readonly model: string;
  readonly version: number;
  readonly state: VersionState;
  /** Why it, or newer files of it, could not be loaded. */
  readonly error?: unknown;
}

let engines = 0;

export class Engine implements AsyncDisposable {
  readonly device: Device;
  /** Which requests of the protocols are traced. */
  readonly tracing: Tracing;
  /** Undefined, where it is not switched on. */
  readonly sharedMemory: SharedMemory | undefined;
  readonly #ownsDevice: boolean;
  #settings: EngineSettings;
  /** Folders that models may be in, and folders within these. */
  readonly #roots: readonly string[];
  readonly #models = new Map<string, Versions>();
  /** What was said by calls, which holds until the next call. */
  readonly #said = new Map<string, 'loaded' | 'unloaded'>();
  readonly #batches = new BatchListener();
  readonly #configs = new ConfigReader();
  readonly #modules = new Modules(() => void this.refresh().catch(() => {}));
  /** What calls have brought. */
  readonly #given = new Map<string, Given>();
  /** Tells the batches of several engines in one process apart. */
  readonly #suffix = engines++ === 0 ? '' : `#${engines}`;
  readonly #onChange: (change: EngineChange) => void;
  #timer: NodeJS.Timeout | undefined;
  /** Why the folders could not be looked at the last time. */
  #problem: string | undefined;
  /** Where the folders are looked at again and again. */
  #watch: Watch | undefined;
  /** One pass over the models at a time. */
  #pass: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #isRetired = false;

  private constructor(
    settings: EngineSettings,
    device: Device,
    ownsDevice: boolean,
    tracing: Tracing,
    onChange: (change: EngineChange) => void,
  ) {
    this.#onChange = onChange;
    this.#settings = settings;
    this.#roots = this.#folders;
    this.device = device;
    this.#ownsDevice = ownsDevice;
    this.tracing = tracing;
    if (settings.sharedMemory) this.sharedMemory = new SharedMemory();
  }

  /**
   * Opens the device and loads the models; those that fail are told by `status()`. `onChange` is called when a version begins to be served,
   * ends, or cannot be loaded.
   *
   * Errors: ERR_ARGUMENT (an option, by name; a folder that cannot be read), ERR_NO_DEVICE.
   */
  static async start(
    options: EngineOptions = {},
    onChange: (change: EngineChange) => void = () => {},
  ): Promise<Engine> {
    const settings = checkEngineOptions(options);
    const given = settings.device;
    const isOpen = typeof given === 'object' && 'loadModel' in given;
    const tracing = await Tracing.start(settings.trace);
    const device = isOpen
      ? (given as Device)
      : await open(given ?? {}).catch(async (error: unknown) => {
          await tracing.close();
          throw error;
        });
    const engine = new Engine(settings, device, !isOpen, tracing, onChange);
    try {
      await engine.refresh();
    } catch (cause) {
      await engine.close();
      if (cause instanceof TensorlaneError) throw cause;
      throw new TensorlaneError('ERR_ARGUMENT', `the models cannot be read: ${(cause as Error).message}`, { cause });
    }
    if (settings.pollSeconds > 0) {
      engine.#watch = new Watch(() => engine.refresh().catch(() => {}));
      await engine.#watch.follow(engine.#folders);
      engine.#poll();
    }
    return engine;
  }

  /** `what`: is not done otherwise. Errors: ERR_NOT_SUPPORTED, where control by calls is not switched on. */
  requireControl(what = 'models are not loaded and unloaded by calls here'): void {
    if (!this.#settings.explicitControl)
      throw new TensorlaneError(
        'ERR_NOT_SUPPORTED',
        `${what} (explicitControl, or --control of the command, is not on)`,
      );
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Whether every model that is there has a version that is served. */
  get ready(): boolean {
    return (
      !this.closed &&
      !this.#isRetired &&
      [...this.#models.values()].every((model) => model.hasAvailable || this.#isSaidUnloaded(model))
    );
  }

  /** Of all models, or of one. Errors: ERR_NOT_FOUND. */
  status(name?: string): ModelStatus[] {
    const models = name === undefined ? [...this.#models.values()] : [this.#modelOf(referenceTo(name).name)];
    return models.map((model) => ({ name: model.name, versions: model.status }));
  }

  /** The versions of a model that are served, the highest first. Errors: ERR_NOT_FOUND. */
  available(name: string): Servable[] {
    return this.#modelOf(name).available;
  }

  labels(name: string): ReadonlyMap<string, number> {
    return this.#modelOf(name).labels;
  }

  /** What is served now, to be looked at; to run it, `use` it. Errors: ERR_NOT_FOUND. */
  resolve({ name, version, label }: ModelReference): Servable {
    return this.#modelOf(name).resolve({ version, label });
  }

  /** `work` has the version until the promise settles: it is not unloaded before. Errors: ERR_NOT_FOUND, and those of `work`. */
  async use<T>(reference: ModelReference, work: (servable: Servable) => Promise<T>): Promise<T> {
    return this.resolve(referenceTo(reference)).use(work);
  }

  /** Errors: ERR_NOT_FOUND, ERR_DISPOSED, ERR_ARGUMENT, and those of `model.run`. */
  async run(model: string | ModelReference, feeds: Feeds, options?: ServedRunOptions): Promise<Outputs> {
    return this.resolve(referenceTo(model)).use((servable) => servable.run(feeds, options));
  }

  /**
   * The answers of a decoupled model as they come, and the one of any other; who stops taking them ends it. Errors, as they come: those of
   * `run`.
   */
  async *stream(
    model: string | ModelReference,
    feeds: Feeds,
    options?: ServedRunOptions,
  ): AsyncGenerator<Outputs, void> {
    yield* streamOf(this.resolve(referenceTo(model)), feeds, options);
  }

  /**
   * Loads a model of the repository, or its newer version; or one that is given: until it is loaded or unloaded again, the model has this
   * configuration, and these files in place of its folder. What fails changes nothing.
   *
   * Errors: ERR_NOT_SUPPORTED (not switched on), ERR_ARGUMENT (what is given), ERR_NOT_FOUND, those of `loadModel`.
   */
  async load(name: string, given?: GivenModel): Promise<void> {
    this.requireControl();
    if (given !== undefined) requireGiven(name, given);
    await this.#inTurn(async () => {
      const before = this.#given.get(name);
      const said = this.#said.get(name);
      const wanted = given && (await Given.keep(name, given));
      try {
        this.#give(name, wanted);
        // What is served otherwise would go.
        if (before !== undefined) {
          const { found, unreadable } = await this.#look();
          if (!found.has(name) && !unreadable.has(name)) this.#modelNotThere(name);
        }
        this.#said.set(name, 'loaded');
        await this.#refresh();
        const model = this.#modelOf(name);
        const failed = model.status.find(({ error }) => error !== undefined);
        if (failed !== undefined) throw failed.error;
        if (!model.hasAvailable) model.resolve();
      } catch (error) {
        this.#give(name, before);
        if (given !== undefined && said !== undefined) this.#said.set(name, said);
        await wanted?.remove();
        // What this cannot bring back, the next look does.
        await this.#refresh().catch(() => {});
        throw error;
      }
      await before?.remove();
    });
  }

  #give(name: string, given: Given | undefined): void {
    this.#configs.give(name, given?.config);
    if (given === undefined) this.#given.delete(name);
    else this.#given.set(name, given);
  }

  /**
   * Takes no more requests for a model, answers those that it has, and frees it; `dependents`: and the models that it runs, as an ensemble
   * does. Errors: ERR_NOT_SUPPORTED (not switched on), ERR_NOT_FOUND.
   */
  async unload(name: string, { dependents = false }: { dependents?: boolean | undefined } = {}): Promise<void> {
    this.requireControl();
    const model = this.#modelOf(name);
    const parts = dependents ? model.available.flatMap((one) => one.parts ?? []) : [];
    const models = [model, ...parts.flatMap((part) => this.#models.get(part) ?? [])];
    for (const one of models) this.#said.set(one.name, 'unloaded');
    await this.#inTurn(async () => {
      for (const one of models) {
        one.unload();
        const given = this.#given.get(one.name);
        this.#give(one.name, undefined);
        await given?.remove();
        // What an ensemble has accepted it answers, by the models that it runs.
        if (parts.length > 0) await one.drained();
      }
    });
  }

  /**
   * Replaces what was said of models: those that are no longer named are unloaded, unless they are the repository's, and options of loading stay
   * those of the model's name. Resolves when all are served. Errors: ERR_NOT_SUPPORTED (not switched on), ERR_ARGUMENT (an option; a folder that is
   * not within the repository or a folder that was named at the start), those of loading.
   */
  async reconfigure(models: Readonly<Record<string, ModelConfig>>): Promise<void> {
    this.requireControl();
    const checked = checkModels(models);
    for (const [name, { folder }] of checked) await requireWithin(this.#roots, `models.${name}.folder`, folder);
    await this.#inTurn(async () => {
      const before = this.#settings.models;
      const kept = [...checked].map(
        ([name, settings]) => [name, { ...settings, load: { ...before.get(name)?.load, ...settings.load } }] as const,
      );
      this.#settings = { ...this.#settings, models: new Map(kept) };
      for (const name of checked.keys()) this.#said.delete(name);
      await this.#refresh();
    });
    for (const name of checked.keys()) {
      const failed = this.#modelOf(name).status.find(({ error }) => error !== undefined);
      if (failed !== undefined) throw failed.error;
      if (!this.#modelOf(name).hasAvailable) this.#modelOf(name).resolve();
    }
  }

  /** Looks at the folders now: resolves when what is new is served. Errors: those of the file system; then nothing has changed. */
  refresh(): Promise<void> {
    return this.#inTurn(() => this.#refresh());
  }

  /** Is not ready any more, and answers all the same: whoever sends requests here learns of it before it closes. */
  retire(): void {
    this.#isRetired = true;
  }

  /** Takes no more requests, answers those that it has, and frees everything. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#watch?.[Symbol.dispose]();
    this.#modules.close();
    await this.#pass;
    // Those that run others come first, and among them those that no other runs: what they have accepted, they answer.
    const left = new Set(this.#models.values());
    while (left.size > 0) {
      const runs = [...left].flatMap(({ available }) => available.flatMap(({ parts }) => parts ?? []));
      const callers = [...left].filter(({ available }) => available.some(({ parts }) => parts !== undefined));
      const outer = callers.filter(({ name }) => !runs.includes(name));
      const group = outer.length > 0 ? outer : callers.length > 0 ? callers : [...left];
      for (const model of group) {
        model.unload();
        left.delete(model);
      }
      await Promise.all(group.map((model) => model.drained()));
    }
    for (const given of this.#given.values()) await given.remove();
    this.#batches[Symbol.dispose]();
    await this.sharedMemory?.unregister();
    await this.tracing.close();
    if (this.#ownsDevice) await this.device.dispose();
  }

  #poll(): void {
    if (this.closed) return;
    this.#timer = setTimeout(async () => {
      let problem: string | undefined;
      try {
        await this.refresh();
      } catch (error) {
        // What cannot be read at the moment changes nothing, and is told once.
        problem = (error as Error).message;
        if (!this.closed && problem !== this.#problem)
          process.emitWarning(`the models cannot be looked at: ${problem}`, 'TensorlaneWarning');
      }
      this.#problem = problem;
      this.#poll();
    }, this.#settings.pollSeconds * 1000);
    this.#timer.unref();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#pass.then(() => {
      if (!this.closed) return work();
      throw new TensorlaneError('ERR_DISPOSED', 'the engine is closed');
    });
    this.#pass = done.catch(() => {});
    return done;
  }

  /** What there is to be served, of all models. Errors: those of the file system, where the repository cannot be read. */
  #look(): Promise<Scan> {
    const isServed = (name: string) => this.#models.get(name)?.hasAvailable === true;
    return look(this.#settings, this.#given, this.#configs, isServed);
  }

  async #refresh(): Promise<void> {
    const { models } = this.#settings;
    const { found, unreadable } = await this.#look();
    const isThere = (name: string) => found.has(name) || unreadable.has(name);
    for (const name of models.keys()) if (!isThere(name) && !this.#models.has(name)) found.set(name, new Map());
    for (const [name, model] of this.#models) {
      if (!isThere(name)) await model.reconcile(new Map(), this.#wanted(name, new Map()));
      if (!isThere(name) && !models.has(name) && model.status.length === 0) this.#models.delete(name);
    }
    for (const [name, error] of unreadable) {
      if (this.#said.get(name) !== 'unloaded') this.#versionsOf(name).unreadable(error);
    }
    void this.#watch?.follow(this.#folders);
    for (const [name, versions] of dependentsLast(found)) {
      if (this.closed) return;
      if (this.#said.get(name) === 'unloaded') continue;
      await this.#versionsOf(name).reconcile(withParts(versions, this.#servedOf), this.#wanted(name, versions));
    }
  }

  /** Those that models are in now. */
  get #folders(): string[] {
    const { repository, models } = this.#settings;
    return [repository, ...[...models.values()].map(({ folder }) => folder)].filter((one) => one !== undefined);
  }

  /** What is said of a model stands above what its configuration says. */
  #wanted(name: string, versions: FoundVersions): Wanted {
    const { versions: own, labels } = this.#settingsOf(name);
    const config = [...versions.values()].find((one) => one.config !== undefined)?.config?.config;
    return { versions: own ?? (config && versionsOf(config)) ?? defaultPolicy, labels };
  }

  #settingsOf(name: string): ModelSettings {
    return this.#settings.models.get(name) ?? noSettings;
  }

  #versionsOf(name: string): Versions {
    let model = this.#models.get(name);
    if (model === undefined) {
      model = new Versions(
        name,
        async (version, found, statistics) => {
          const batcher = `${name}/${version}${this.#suffix}`;
          const { device } = this;
          const load = { all: this.#settings.load, own: this.#settingsOf(name).load };
          const models = { use: this.#useWithin, run: this.#runWithin, stream: this.#streamWithin, find: this.#find };
          const modules = this.#modules;
          const servable = await loadVersion({
            device,
            name,
            version,
            found,
            statistics,
            batcher,
            load,
            models,
            modules,
          });
          servable.afterDrain(this.#batches.add(batcher, statistics));
          return servable;
        },
        (change) => {
          // That a load was given up is no failure of it.
          if (!this.closed || change.error === undefined) this.#tell({ model: name, ...change });
        },
      );
      this.#models.set(name, model);
    }
    return model;
  }

  /** Who listens has no say in what is served: an error of theirs is told, and changes nothing. */
  #tell(change: EngineChange): void {
    try {
      this.#onChange(change);
    } catch (error) {
      process.emitWarning(`onChange failed: ${(error as Error)?.stack ?? String(error)}`, 'TensorlaneWarning');
    }
  }

  /** What is served now; undefined, where there is none. */
  readonly #find = ({ name, ...which }: ModelReference): Servable | undefined => {
    try {
      return this.#models.get(name)?.resolve(which);
    } catch {
      return undefined;
    }
  };

  readonly #servedOf = (name: string): string =>
    (this.#models.get(name)?.available ?? []).map(({ version, serial }) => `${version}#${serial}`).join(' ');

  #modelOf(name: string): Versions {
    const model = this.#models.get(name);
    if (this.closed) throw new TensorlaneError('ERR_DISPOSED', 'the engine is closed');
    return model ?? this.#modelNotThere(name);
  }

  #modelNotThere(name: string): never {
    throw new TensorlaneError('ERR_NOT_FOUND', `${unknownModel(name)} is not found`);
  }

  #isSaidUnloaded(model: Versions): boolean {
    return this.#said.get(model.name) === 'unloaded';
  }

  /** For models that call others, also while the engine closes. */
  readonly #useWithin = async <T>(model: string | ModelReference, work: (servable: Servable) => Promise<T>) =>
    this.#within(model).use(work);

  readonly #runWithin = (model: string | ModelReference, feeds: Feeds, options?: ServedRunOptions) =>
    this.#useWithin(model, (servable) => servable.run(feeds, options));

  readonly #streamWithin = (model: string | ModelReference, feeds: Feeds, options?: ServedRunOptions) =>
    streamOf(this.#within(model), feeds, options);

  #within(model: string | ModelReference): Servable {
    const { name, ...which } = referenceTo(model);
    return (this.#models.get(name) ?? this.#modelNotThere(name)).resolve(which);
  }
}

async function* streamOf(servable: Servable, feeds: Feeds, options?: ServedRunOptions): AsyncGenerator<Outputs, void> {
  const release = servable.hold();
  try {
    yield* servable.stream(feeds, options);
  } finally {
    release();
  }
}
