// tensorlane/metrics: the statistics of models, batched functions and devices as Prometheus metrics.
//
// They are read when a registry is scraped, all in the same moment, so that they cost a request nothing and add up. The
// registry is handed in: this file needs no client of its own, and works with whichever copy of one the server has.

import type { BatcherStats } from '../batching/statistics/stats.js';
import { namesOf, plainObject, refuseUnknown } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import type { DeviceInfo, DeviceStats } from '../device/info.js';
import { batcherFamilies, deviceFamilies, type Family, type Labels, ownLabels } from './families.js';

/** What is used of a registry of prom-client, or of `@prometheus-io/client`, which prom-client has become. */
export interface MetricsRegistry {
  registerMetric(metric: never): void;
  getSingleMetric(name: string): unknown;
  removeSingleMetric(name: string): void;
}

export interface MetricsOptions {
  /** Where the metrics are to be scraped. */
  registers: readonly MetricsRegistry[];
  /** Begins the name of every metric; 'tensorlane_' by default. */
  prefix?: string | undefined;
  /** Labels of every metric. */
  labels?: Labels | undefined;
}

const names = namesOf<MetricsOptions>({ registers: true, prefix: true, labels: true });

/** A model, or a batched function. */
export interface BatcherSource {
  readonly name: string;
  readonly disposed?: boolean;
  stats(): BatcherStats;
}

export interface DeviceSource {
  readonly disposed?: boolean;
  readonly info: Pick<DeviceInfo, 'kind' | 'index'>;
  stats(): DeviceStats;
}

export type MetricsSource = BatcherSource | DeviceSource;

/**
 * Registers tensorlane's metrics. They are those of what is added afterwards:
 *
 *     const metrics = collectMetrics({ registers: [register] });
 *     metrics.add(model);
 *
 * Errors: ERR_ARGUMENT, also where a registry has a metric of the same name.
 */
export function collectMetrics(options: MetricsOptions): Metrics {
  return new Metrics(options);
}

interface Entry<Source> {
  /** Held weakly: whoever adds a model may forget it. */
  readonly source: WeakRef<Source & object>;
  readonly labels: Labels;
}

export class Metrics implements Disposable {
  readonly #labels: Labels;
  readonly #batchers = new Sources<BatcherSource>();
  readonly #devices = new Sources<DeviceSource>();
  readonly #registered: { readonly register: MetricsRegistry; readonly name: string }[] = [];

  /** Metrics are made by `collectMetrics`. */
  constructor(options: MetricsOptions) {
    refuseUnknown(plainObject('collectMetrics: options', options), names, 'collectMetrics');
    const { registers, prefix = 'tensorlane_', labels = {} } = options;
    if (typeof prefix !== 'string' || !/^([a-zA-Z_:][a-zA-Z0-9_:]*)?$/.test(prefix)) {
      throw argument(`prefix must be letters, digits and underscores, got ${shown(prefix)}`);
    }
    this.#labels = checkedLabels('labels', labels);
    const sources = [
      ...this.#batchers.metrics(batcherFamilies, prefix),
      ...this.#devices.metrics(deviceFamilies, prefix),
    ];
    for (const register of checkedRegisters(registers)) {
      const taken = sources.find(({ name }) => register.getSingleMetric(name) !== undefined);
      if (taken !== undefined) {
        this.dispose();
        throw argument(`a registry has a metric '${taken.name}' already; give these another prefix`);
      }
      for (const { name, make } of sources) {
        register.registerMetric(make() as never);
        this.#registered.push({ register, name });
      }
    }
  }

  /**
   * Adds a model or a batched function, labelled `model` with its name, or a device, labelled `device` as `open` names it;
   * `labels` are its own, and may give it another name. It is left out again when it, or what this returns, is disposed, when it is removed,
   * or when it is garbage.
   *
   * Errors: ERR_ARGUMENT, also where something else has the same labels: Prometheus could not tell them apart.
   */
  add(source: MetricsSource, labels: Labels = {}): Disposable {
    if (typeof source?.stats !== 'function' || !('name' in source || 'info' in source)) {
      throw argument(`add takes a model, a batched function or a device, got ${shown(source)}`);
    }
    const own = checkedLabels('add: labels', labels);
    // A model has both: how it is loaded is its info.
    if ('name' in source) {
      this.#batchers.add(source, { ...this.#labels, model: source.name, ...own });
    } else {
      const { kind, index } = source.info;
      const device = kind === 'cpu' ? 'cpu' : `${kind}:${index}`;
      this.#devices.add(source, { ...this.#labels, device, ...own });
    }
    const kept = new WeakRef(source);
    return {
      [Symbol.dispose]: () => {
        const live = kept.deref();
        if (live !== undefined) this.remove(live);
      },
    };
  }

  /** Leaves a source out from now on; nothing, where it was not added. */
  remove(source: MetricsSource): void {
    this.#batchers.remove(source);
    this.#devices.remove(source);
  }

  /** Takes the metrics out of their registries. May be called again. */
  dispose(): void {
    for (const { register, name } of this.#registered.splice(0)) register.removeSingleMetric(name);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Those of one kind, and their metrics. */
class Sources<
  Source extends { stats(): Stats; readonly disposed?: boolean } & object,
  Stats = ReturnType<Source['stats']>,
> {
  readonly #entries = new Map<string, Entry<Source>>();
  #scraped: readonly { readonly stats: Stats; readonly labels: Labels }[] | undefined;

  add(source: Source, labels: Labels): void {
    const key = JSON.stringify(Object.entries(labels).sort());
    const other = this.#entries.get(key)?.source.deref();
    if (other !== undefined && other !== source) {
      throw argument(
        `something else has the labels ${JSON.stringify(labels)}; name it otherwise, add it with a label of its own, or remove the other`,
      );
    }
    this.remove(source);
    this.#entries.set(key, { source: new WeakRef(source), labels });
  }

  remove(source: object): void {
    for (const [key, entry] of this.#entries) if (entry.source.deref() === source) this.#entries.delete(key);
  }

  metrics(families: readonly Family<Stats>[], prefix: string): { name: string; make: () => Metric }[] {
    return families.map((family) => {
      const name = prefix + family.name;
      return {
        name,
        make: () => new Metric(name, family.help, family.type, (metric) => this.#samples(metric, family)),
      };
    });
  }

  #samples(metric: string, { samples }: Family<Stats>): ClientSample[] {
    return this.#scrape().flatMap(({ stats, labels: common }) =>
      samples(stats).map(({ suffix, labels, value }) => ({
        metricName: metric + suffix,
        labels: { ...common, ...labels },
        value,
      })),
    );
  }

  /** A registry asks for all its metrics in one turn, and they are to be of the same moment. */
  #scrape() {
    if (this.#scraped !== undefined) return this.#scraped;
    const scraped: { stats: Stats; labels: Labels }[] = [];
    for (const [key, { source, labels }] of this.#entries) {
      const live = source.deref();
      if (live === undefined || live.disposed) this.#entries.delete(key);
      else scraped.push({ stats: live.stats(), labels });
    }
    this.#scraped = scraped;
    queueMicrotask(() => {
      this.#scraped = undefined;
    });
    return scraped;
  }
}

interface ClientSample {
  readonly metricName: string;
  readonly labels: Labels;
  readonly value: number;
}

/**
 * What a registry expects of a metric, of which it asks the values when it is scraped. It is one registry's alone, because one
 * for OpenMetrics takes the _total from its name, and puts it back behind each sample's.
 */
class Metric {
  readonly aggregator = 'sum';

  constructor(
    public name: string,
    readonly help: string,
    readonly type: Family<unknown>['type'],
    readonly samples: (metric: string) => ClientSample[],
  ) {}

  async get() {
    const { name, help, type, aggregator } = this;
    return { name, help, type, aggregator, values: this.samples(name) };
  }

  /** What is counted is the sources' own. */
  reset(): void {}
}

function checkedRegisters(registers: readonly MetricsRegistry[]): readonly MetricsRegistry[] {
  const usable = (register: MetricsRegistry | null | undefined) => typeof register?.registerMetric === 'function';
  if (Array.isArray(registers) && registers.length > 0 && registers.every(usable)) return registers;
  throw argument(
    `registers must be registries of prom-client, such as its \`register\` (npm install prom-client), got ${shown(registers)}`,
  );
}

function checkedLabels(name: string, labels: Labels): Labels {
  for (const [label, value] of Object.entries(plainObject(`collectMetrics: ${name}`, labels))) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label) || ownLabels.has(label)) {
      throw argument(`${name}: '${label}' cannot be a label; ${[...ownLabels].join(', ')} have a meaning of their own`);
    }
    if (typeof value !== 'string') throw argument(`${name}.${label} must be a string, got ${shown(value)}`);
  }
  return labels;
}

function argument(problem: string): TensorlaneError {
  return new TensorlaneError('ERR_ARGUMENT', `collectMetrics: ${problem}`);
}
