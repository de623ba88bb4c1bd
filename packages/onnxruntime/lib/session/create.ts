// Making a session: its options checked, its model loaded on its device.

import { existsSync } from 'node:fs';
import { env, type InferenceSession } from 'onnxruntime-common';
import type { Device, LoadModelOptions, Model } from 'tensorlane';
import { inRuntimesWords } from '../errors';
import { onDevice } from '../options/locations';
import { missingLibrary } from '../options/providers';
import { type SessionOptions, sessionOptions } from '../options/session';
import { type TensorlaneOptions, tensorlaneOptions } from '../options/tensorlane';
import { deviceFor } from './engine';
import { SessionHandler } from './handler';

const severities = ['verbose', 'info', 'warning', 'error', 'fatal'];
/** env.logLevel counts when the first session is made. */
let logSeverityLevel: number | undefined;

/** Errors: those of onnxruntime-node. */
export async function createHandler(
  pathOrBytes: string | Uint8Array,
  given: InferenceSession.SessionOptions,
): Promise<SessionHandler> {
  logSeverityLevel ??= severities.indexOf(env.logLevel as string);
  const options = sessionOptions(given, logSeverityLevel);
  const tensorlane = tensorlaneOptions((env as { tensorlane?: unknown }).tensorlane, options.tensorlane);
  if (typeof pathOrBytes !== 'string' && pathOrBytes.byteLength === 0) throw new Error('Model data pointer is null.');
  let model: Model | undefined;
  try {
    model = await load(pathOrBytes, options, tensorlane);
    const resident = onDevice(
      options.preferredOutputLocation,
      model.outputs.map(({ name }) => name),
    );
    return new SessionHandler(model, {
      copyInputs: tensorlane.copyInputs ?? true,
      logSeverityLevel: options.runtime.logSeverityLevel!,
      // On the CPU all memory is the host's.
      resident: model.provider === 'cpu' ? new Set() : resident,
    });
  } catch (reason) {
    await model?.dispose();
    throw inRuntimesWords(reason);
  }
}

async function load(
  source: string | Uint8Array,
  options: SessionOptions,
  tensorlane: TensorlaneOptions,
): Promise<Model> {
  const { runsOn, needs, refusal } = options.placement;
  for (const name of needs) await cudaDevice(name, tensorlane.streams);
  if (refusal !== undefined) throw refusal;
  const device =
    runsOn === 'cpu' ? await deviceFor('cpu', tensorlane.streams) : await cudaDevice(runsOn, tensorlane.streams);
  const model = await device.loadModel(checkedPath(source), loadOptions(options, tensorlane));
  if (runsOn === 'cpu' || model.provider === 'cuda') return model;
  await model.dispose();
  throw missingLibrary('Cuda', new Error(model.fallbackReason));
}

/** What looks like a URL is a path here. Errors: Error. */
function checkedPath<Source extends string | Uint8Array>(source: Source): Source | string {
  if (typeof source !== 'string' || !source.startsWith('file:')) return source;
  if (existsSync(source)) return `./${source}`;
  throw new Error(`Load model from ${source} failed:Load model ${source} failed. File doesn't exist`);
}

async function cudaDevice(name: `cuda:${number}`, streams: number | undefined): Promise<Device> {
  try {
    return await deviceFor(name, streams);
  } catch (cause) {
    throw missingLibrary('Cuda', cause);
  }
}

function loadOptions(
  { intraOpNumThreads, runtime, externalData }: SessionOptions,
  { batching = true, concurrency, independentRows, maxBatchSize, maxQueueDelayMicros }: TensorlaneOptions,
): LoadModelOptions {
  return {
    // Not required: a model that has no batch is no error here.
    batching: batching && { required: false, independentRows, maxBatchSize, maxQueueDelayMicros },
    concurrency,
    threads: intraOpNumThreads === 0 ? undefined : intraOpNumThreads,
    session: runtime,
    externalData,
  };
}
