// The one thing the demo needs of an inference library: give a model one item, get its output back. tensorlane and onnxruntime-node
// each stand behind it, so that the same work runs, and is measured, on both.

import { availableParallelism } from 'node:os';
import ort from 'onnxruntime-node';
import { Piscina } from 'piscina';
import { type Device, type LoadModelOptions, type Tensor, tensor } from 'tensorlane';
import { modelFiles } from './assets.js';

/** float32 in, float32 out: what all models of the demo take and give. */
export interface Values {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** Runs one item. Every request of the demo has a batch of 1: joining them is the library's business. */
export interface OneModel {
  run(item: Values): Promise<Values>;
}

export interface ServedModel extends OneModel {
  /** How many batches of each size have run so far, where the library tells. */
  batchSizes?(): ReadonlyMap<number, number>;
  dispose(): Promise<void>;
}

export interface OcrModels {
  readonly detection: ServedModel;
  readonly direction: ServedModel;
  readonly recognition: ServedModel;
}

export interface Policy {
  readonly maxBatchSize: number;
  readonly maxQueueDelayMicros: number;
  /** Batches of one model in flight at once. */
  readonly concurrency: number;
  /** Cores that one run may use; the library's own default where it is left out. */
  readonly threads?: number;
}

export type LoadModel = (path: string) => Promise<ServedModel>;

export async function loadOcr(load: LoadModel): Promise<OcrModels> {
  const { detection, direction, recognition } = modelFiles();
  return { detection: await load(detection), direction: await load(direction), recognition: await load(recognition) };
}

export async function disposeAll(models: OcrModels): Promise<void> {
  await Promise.all(Object.values(models).map((model: ServedModel) => model.dispose()));
}

/** On a tensorlane device; without a policy as whoever sets no options has it. */
export const onTensorlane =
  (device: Device, policy?: Policy): LoadModel =>
  async (path) => {
    const model = await device.loadModel(path, policy === undefined ? {} : optionsOf(policy));
    const [input, output] = [only(model.inputs, path), only(model.outputs, path)];
    return {
      run: async ({ data, dims }) => {
        const outputs = await model.run({ [input]: tensor(data, [...dims]) });
        return outputs[output] as Tensor<'float32'>;
      },
      batchSizes: () =>
        new Map(Object.entries(model.stats().batches.sizes).map(([rows, count]) => [Number(rows), count])),
      dispose: () => model.dispose(),
    };
  };

function optionsOf({ concurrency, threads, ...batching }: Policy): LoadModelOptions {
  return { batching, concurrency, ...(threads !== undefined && { threads }) };
}

interface Ask {
  readonly path: string;
  readonly inputs: readonly {
    readonly type: 'float32';
    readonly data: Float32Array;
    readonly dims: readonly number[];
  }[];
}

/** On onnxruntime-node in worker threads, the usual cure for its runs on the JS thread: one a core, with one thread each. */
export function onWorkerThreads(): LoadModel {
  const threads = availableParallelism();
  const filename = new URL('../../bench/peers/piscina-worker.mjs', import.meta.url).href;
  const pool = new Piscina<Ask, Record<string, Values>>({
    filename,
    minThreads: threads,
    maxThreads: threads,
    execArgv: [],
  });
  let models = 0;
  return async (path) => {
    models++;
    return {
      run: async ({ data, dims }) => {
        const [output] = Object.values(await pool.run({ path, inputs: [{ type: 'float32', data, dims }] }));
        return output as Values;
      },
      dispose: async () => {
        if (--models === 0) await pool.destroy();
      },
    };
  };
}

/** On onnxruntime-node, with its own defaults. */
export const onOnnxRuntime: LoadModel = async (path) => {
  const session = await ort.InferenceSession.create(path);
  const [input, output] = [session.inputNames[0] ?? '', session.outputNames[0] ?? ''];
  return {
    run: async ({ data, dims }) => {
      const outputs = await session.run({ [input]: new ort.Tensor('float32', data, [...dims]) });
      const value = outputs[output] as ort.Tensor;
      return { data: value.data as Float32Array, dims: value.dims };
    },
    dispose: () => session.release(),
  };
};

function only(values: readonly { readonly name: string }[], path: string): string {
  const [value] = values;
  if (value === undefined || values.length !== 1) {
    throw new Error(`${path} should have one input and one output, and has ${values.length}`);
  }
  return value.name;
}
