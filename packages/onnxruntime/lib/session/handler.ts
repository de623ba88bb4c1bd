// A session as onnxruntime-common drives it: names and metadata, runs, its end.
//
// The rules it keeps: inputs are read when `run` is called and not after it has settled; a session that is released finishes the runs that
// it has accepted; no failure is thrown, all reject.

import type { InferenceSession, InferenceSessionHandler, Tensor } from 'onnxruntime-common';
import type { DeviceTensor, Tensor as HostTensor, Model, ModelValue, ValueInfo } from 'tensorlane';
import { disposed, inRuntimesWords } from '../errors';
import { runLog } from '../options/run';
import { canStay, isDeviceTensor, onTheDevice } from '../values/device';
import { Feeds } from '../values/feeds';
import { checkFetches, type Fetch, fill } from '../values/fetches';
import { isTensorInfo } from '../values/info';
import { givenBack, unwrapped } from '../values/outputs';

type Metadata = InferenceSession.ValueMetadata;
type Given = Readonly<Record<string, unknown>>;

interface Settings {
  readonly copyInputs: boolean;
  readonly logSeverityLevel: number;
  /** Outputs that stay on the device. */
  readonly resident: ReadonlySet<string>;
}

export class SessionHandler implements InferenceSessionHandler {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly Metadata[];
  readonly outputMetadata: readonly Metadata[];
  readonly #model: Model;
  readonly #feeds: Feeds;
  readonly #resident: ReadonlySet<string>;
  readonly #givesOthers: boolean;
  readonly #logSeverityLevel: number;
  #released = false;

  /** Errors: Error, for elements that cannot be passed in or out. */
  constructor(model: Model, { copyInputs, logSeverityLevel, resident }: Settings) {
    this.inputNames = model.inputs.map(({ name }) => name);
    this.outputNames = model.outputs.map(({ name }) => name);
    this.inputMetadata = model.inputs.map(metadata);
    this.outputMetadata = model.outputs.map(metadata);
    this.#model = model;
    this.#feeds = new Feeds(model.inputs, copyInputs);
    this.#resident = resident;
    this.#logSeverityLevel = logSeverityLevel;
    this.#givesOthers = this.outputMetadata.some(({ isTensor }) => !isTensor);
  }

  get model(): Model {
    return this.#model;
  }

  /** Where some outputs are no tensors: puts them in the place of those that stand for them. */
  get unwrap(): ((results: Record<string, unknown>) => Record<string, unknown>) | undefined {
    return this.#givesOthers ? unwrapped : undefined;
  }

  async run(given: Given, fetched: Given, options: InferenceSession.RunOptions): Promise<Record<string, Tensor>> {
    if (this.#released) throw disposed();
    const { feeds, alone } = this.#feeds.take(given);
    const fetches = checkFetches(fetched, this.#model.outputs);
    const log = runLog(options, this.#logSeverityLevel);
    const wanted = fetches.length === this.outputNames.length ? undefined : fetches.map(({ name }) => name);
    try {
      const resident = this.#stays(fetches);
      const given = await this.#model.run(feeds as never, { outputs: wanted, alone, resident, ...log });
      const results: Record<string, Tensor> = {};
      for (const fetch of fetches) {
        const value = given[fetch.name]!;
        results[fetch.name] = isDeviceTensor(value) ? await this.#fromDevice(fetch, value) : inHost(fetch, value);
      }
      return results;
    } catch (reason) {
      throw inRuntimesWords(reason);
    }
  }

  /** Refuses new runs at once; resolves when those that were accepted have ended. Errors: Error, where it was called before. */
  async dispose(): Promise<void> {
    if (this.#released) throw disposed();
    this.#released = true;
    await this.#model.dispose();
  }

  /** A session is profiled from its creation on, where its options say so. */
  startProfiling(): void {}

  endProfiling(): void {
    if (this.#released) throw disposed();
    this.#model.endProfiling();
  }

  /** Whether a run leaves its outputs on the device: where some are to stay, and all of them can. */
  #stays(fetches: readonly Fetch[]): boolean {
    return (
      this.#resident.size > 0 &&
      fetches.some(({ name }) => this.#resident.has(name)) &&
      fetches.every(({ info }) => isTensorInfo(info) && info.type !== 'string')
    );
  }

  async #fromDevice(fetch: Fetch, value: DeviceTensor): Promise<Tensor> {
    if (fetch.into === undefined && this.#resident.has(fetch.name) && canStay(value)) return onTheDevice(value);
    const there = await value.get();
    await value.dispose();
    return inHost(fetch, there);
  }
}

function inHost(fetch: Fetch, value: ModelValue): Tensor {
  if (fetch.into !== undefined) fill(fetch, value as HostTensor);
  return givenBack(value);
}

function metadata(info: ValueInfo): Metadata {
  const { name } = info;
  if (!isTensorInfo(info)) {
    if (info.type === 'unsupported' && /element type/.test(info.what))
      throw new Error(`Unsupported data type: ${info.what}`);
    return { name, isTensor: false };
  }
  const { dims = [], dimNames } = info;
  const shape = dims.map((dim, axis) => (dim === -1 ? (dimNames[axis] ?? '') : dim));
  return { name, isTensor: true, type: info.type as Tensor.Type, shape };
}
