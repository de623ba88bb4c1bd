// inference.GRPCInferenceService: the Open Inference Protocol v2 over gRPC.

import type { Server, ServerDuplexStream } from '@grpc/grpc-js';
import type { Outputs, RunOptions, Tensor } from 'tensorlane';
import { byType, byV2Name, type ElementType } from '../core/dtypes.js';
import { invalid, told } from '../core/errors.js';
import type { Engine, ModelReference } from '../engine/engine.js';
import type { Servable, ServedRunOptions } from '../engine/servable.js';
import type { Lease } from '../http/budget.js';
import type { JsonObject } from '../json/parse.js';
import { elementsOf } from '../json/tensor.js';
import { tracedCall } from '../trace/request.js';
import { modelConfigMessage } from '../triton/answer.js';
import { bytesOf, tensorOfBytes, text } from '../v2/binary.js';
import { classesIn, outputsToRun } from '../v2/classification.js';
import { onceEach, requireFew } from '../v2/inputs.js';
import { modelMetadata, serverMetadata } from '../v2/metadata.js';
import { flagAt, runOptions, versionOf, wholeAt } from '../v2/parameters.js';
import { outputTensor, placeParameters } from '../v2/reply.js';
import { control, indexEntries } from '../v2/repository.js';
import type { RequestedOutput } from '../v2/request.js';
import { logSettings, traceSettings } from '../v2/settings.js';
import {
  placeIn,
  readShared,
  refuseCuda,
  regionMessage,
  type SharedInput,
  sharedMemoryOf,
  writeShared,
} from '../v2/shared-memory.js';
import { modelStatistics } from '../v2/statistics.js';
import { type Long, toBits, toExact, toNumber } from './longs.js';
import {
  type Around,
  addService,
  type Call,
  callOf,
  clientOf,
  headerOf,
  type Message,
  modelIn,
  type Sized,
} from './service.js';

type InferStream = ServerDuplexStream<Sized, object>;

export const inferenceService = 'inference.GRPCInferenceService';

export function addInference(server: Server, engine: Engine, around: Around): void {
  const unary = {
    ServerLive: () => ({ live: true }),
    ServerReady: () => ({ ready: engine.ready }),
    ModelReady: ({ name, version }: Message) => ({ ready: isReady(engine, referenceOf(name, version)) }),
    ServerMetadata: () => serverMetadata(),
    ModelMetadata: ({ name, version }: Message) => modelMetadata(engine, referenceOf(name, version)),
    ModelConfig: ({ name, version }: Message) => modelConfigMessage(engine.resolve(referenceOf(name, version))),
    ModelInfer: (request: Message, call: Call) => infer(engine, request, call),
    ModelStatistics: ({ name, version }: Message) =>
      modelStatistics(engine, name === '' ? undefined : referenceOf(name, version)),
    RepositoryIndex: ({ ready }: Message) => ({ models: indexEntries(engine, ready) }),
    RepositoryModelLoad: (request: Message) => controlModel('load', engine, request),
    RepositoryModelUnload: (request: Message) => controlModel('unload', engine, request),
    TraceSetting: (request: Message) => trace(engine, request),
    LogSettings: (request: Message) => logs(engine, around, request),
    ...sharedMemory(engine),
  };
  addService(server, inferenceService, around, unary, {
    ModelStreamInfer: (call: InferStream) => streamInfer(engine, around, call),
  });
}

function sharedMemory(engine: Engine) {
  const regionsOf = (name: string) => sharedMemoryOf(engine).status(name || undefined);
  return {
    SystemSharedMemoryStatus: ({ name }: Message) => ({
      regions: Object.fromEntries(regionsOf(name).map((region) => [region.name, regionMessage(region)])),
    }),
    SystemSharedMemoryRegister: async ({ name, key, offset, byte_size: size }: Message) => {
      const region = { name, key, offset: toNumber(offset), byteSize: toNumber(size) };
      await sharedMemoryOf(engine).register(region);
      return {};
    },
    SystemSharedMemoryUnregister: async ({ name }: Message) => {
      await sharedMemoryOf(engine).unregister(name || undefined);
      return {};
    },
    // There are none, which is also what clients clean up with.
    CudaSharedMemoryStatus: ({ name }: Message) => (name === '' ? {} : refuseCuda(engine)),
    CudaSharedMemoryRegister: () => refuseCuda(engine),
    CudaSharedMemoryUnregister: () => ({}),
  };
}

/** Values that are not there clear a setting. */
function trace(engine: Engine, { model_name: name, settings }: Message): object {
  const change = Object.entries(settings as Record<string, Message>).map(([key, { value }]) => [
    key,
    value.length > 0 ? (value as string[]) : null,
  ]);
  const all = Object.entries(traceSettings(engine, name || undefined, Object.fromEntries(change)));
  return { settings: Object.fromEntries(all.map(([key, value]) => [key, { value: [value].flat() }])) };
}

function logs(engine: Engine, { log }: Around, { settings }: Message): object {
  const change = Object.entries(settings as Record<string, Message>).map(([key, choice]) => [
    key,
    choice[choice.parameter_choice as string] ?? null,
  ]);
  const all = Object.entries(logSettings(engine, log.settings, Object.fromEntries(change)));
  const fields = { boolean: 'bool_param', number: 'uint32_param', string: 'string_param' };
  return {
    settings: Object.fromEntries(all.map(([key, value]) => [key, { [fields[typeof value as 'string']]: value }])),
  };
}

/** An empty version is none. Errors: INVALID_ARGUMENT. */
function referenceOf(name: string, version: string): ModelReference {
  return version === '' ? { name } : { name, version: versionOf(version) };
}

function isReady(engine: Engine, { name, version }: ModelReference): boolean {
  const model = engine.status().find((one) => one.name === name);
  return (model?.versions ?? []).some((one) => one.state === 'AVAILABLE' && (version ?? one.version) === one.version);
}

async function controlModel(what: 'load' | 'unload', engine: Engine, request: Message): Promise<object> {
  engine.requireControl();
  const choices = Object.entries(request.parameters as Record<string, Message>);
  const parameters = Object.fromEntries(
    choices.map(([key, choice]) => [key, choice[choice.parameter_choice as string]]),
  );
  await control(what, engine, request.model_name, parameters, (called, value) => {
    if (!(value instanceof Uint8Array)) throw invalid(`${called} must be bytes`);
    return value;
  });
  return {};
}

async function infer(engine: Engine, request: Message, call: Call): Promise<object> {
  return engine.use(referenceOf(request.model_name, request.model_version), async (servable) => {
    const { feeds, options, wanted } = await readRequest(engine, servable, request, call);
    return reply(engine, servable, request.id, wanted, await servable.run(feeds, options));
  });
}

/** The answers of a decoupled model as they come, and the one of any other. Each says whether it is the last. */
async function* inferAll(engine: Engine, request: Message, call: Call): AsyncGenerator<object, void> {
  const servable = engine.resolve(referenceOf(request.model_name, request.model_version));
  const release = servable.hold();
  try {
    const { feeds, options, wanted, parameters } = await readRequest(engine, servable, request, call);
    for await (const results of servable.stream(feeds, options)) {
      const answer = await reply(engine, servable, request.id, wanted, results);
      yield { ...answer, ...finality(!servable.decoupled) };
    }
    // Whether there is one more is known when there is none.
    if (servable.decoupled && flagAt(parameters, 'triton_enable_empty_final_response') === true) {
      const { name, version } = servable;
      yield { model_name: name, model_version: String(version), id: request.id, ...finality(true) };
    }
  } finally {
    release();
  }
}

const finality = (isFinal: boolean) => ({ parameters: { triton_final_response: { bool_param: isFinal } } });

async function readRequest(engine: Engine, servable: Servable, request: Message, call: Call) {
  requireFew('outputs', request.outputs.length);
  requireFew('inputs', request.inputs.length);
  const parameters = parametersOf(request.parameters);
  const outputs = onceEach(
    (request.outputs as Message[]).map(({ name, parameters: own }) => {
      const called = `output '${name.slice(0, 100)}'`;
      const said = parametersOf(own);
      return { name: name as string, classes: classesIn(said, called), place: placeIn(said, called) };
    }),
  );
  const options: ServedRunOptions = {
    signal: call.signal,
    ...runOptions(servable, parameters),
    ...deadline(call.deadlineMicros(), wholeAt(parameters, 'deadline')),
    ...(outputs.length === 0 ? {} : { outputs: outputsToRun(servable, outputs) }),
  };
  const wanted: readonly Wanted[] = outputs.length > 0 ? outputs : servable.outputs.map(({ name }) => ({ name }));
  return { feeds: await feedsOf(engine, servable, request, call), options, wanted, parameters };
}

type Wanted = Pick<RequestedOutput, 'name' | 'classes' | 'place'>;

function deadline(left: number | undefined, own: number | undefined): RunOptions {
  return left === undefined && own === undefined ? {} : { deadlineMicros: Math.min(left ?? Infinity, own ?? Infinity) };
}

async function reply(engine: Engine, servable: Servable, id: string, wanted: readonly Wanted[], results: Outputs) {
  const raw: Uint8Array[] = [];
  const outputs = wanted.map(async (output) => {
    const { name, place } = output;
    const tensor = outputTensor(servable, output, results);
    const told = { name, datatype: byType.get(tensor.type)!.v2, shape: tensor.dims };
    if (place === undefined) {
      raw.push(bytesOf(tensor));
      return told;
    }
    const written = await writeShared(engine, name, tensor, place);
    const parameters = Object.entries(placeParameters(place, written)).map(([key, value]) => [
      key,
      typeof value === 'string' ? { string_param: value } : { int64_param: value },
    ]);
    return { ...told, parameters: Object.fromEntries(parameters) };
  });
  return {
    model_name: servable.name,
    model_version: String(servable.version),
    id,
    outputs: await Promise.all(outputs),
    raw_output_contents: raw,
  };
}

function parametersOf(given: Readonly<Record<string, Message>>): JsonObject {
  const parameters = Object.create(null) as JsonObject;
  for (const [name, choice] of Object.entries(given)) {
    const value = choice[choice.parameter_choice as string] as Long | string | boolean | undefined;
    if (value === undefined) throw invalid(`parameter '${name.slice(0, 100)}' has no value`);
    parameters[name] = typeof value === 'object' || typeof value === 'bigint' ? toExact(value) : value;
  }
  return parameters;
}

async function feedsOf(
  engine: Engine,
  servable: Servable,
  { inputs, raw_input_contents: raw }: Message,
  call: Call,
): Promise<Record<string, Tensor>> {
  const feeds = Object.create(null) as Record<string, Tensor>;
  const places = (inputs as Message[]).map(({ name, parameters }) =>
    placeIn(parametersOf(parameters), `input '${name.slice(0, 100)}'`),
  );
  const isRaw = raw.length > 0;
  const count = places.filter((place) => place === undefined).length;
  if (isRaw && raw.length !== count) {
    throw invalid(`raw_input_contents has ${raw.length} tensors, but there are ${count} inputs`);
  }
  const shared: SharedInput[] = [];
  let next = 0;
  for (const [at, { name, datatype, shape, contents }] of (inputs as Message[]).entries()) {
    const called = `input '${name.slice(0, 100)}'`;
    if (name in feeds || shared.some((one) => one.name === name)) throw invalid(`${called} was given twice`);
    const type = byV2Name.get(datatype);
    if (type === undefined) throw invalid(`${called}: datatype must be one of ${[...byV2Name.keys()].join(', ')}`);
    if (isRaw && contents) throw invalid('contents field must not be specified when using raw_input_contents');
    const dims = (shape as Long[]).map(toNumber);
    const place = places[at];
    if (place !== undefined) {
      if (contents) throw invalid(`${called} has both contents and a shared_memory_region`);
      elementsOf(called, dims);
      shared.push({ name, called, type, dims, place });
    } else {
      feeds[name] = isRaw
        ? tensorOfBytes(called, type, dims, raw[next++])
        : tensorOfContents(called, type, dims, contents ?? {});
    }
  }
  return shared.length === 0 ? feeds : { ...feeds, ...(await readShared(engine, servable, shared, call)) };
}

const contentsOf: Readonly<Record<string, string>> = {
  BOOL: 'bool_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  UINT64: 'uint64_contents',
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
};

/** Errors: INVALID_ARGUMENT, for another number of elements than the shape has, or a value that the type has not. */
function tensorOfContents(what: string, type: ElementType, dims: readonly number[], contents: Message): Tensor {
  const field = contentsOf[type.v2];
  if (field === undefined) throw invalid(`${what}: ${type.v2} is sent in raw_input_contents alone`);
  const values = contents[field] ?? [];
  const other = Object.keys(contents).find((name) => name !== field && contents[name]?.length > 0);
  if (other !== undefined) throw invalid(`${what}: elements of ${type.v2} are in ${field}, not in ${other}`);
  const length = elementsOf(what, dims);
  if (values.length !== length) {
    throw invalid(`${what}: dims [${dims.join(', ')}] have ${length} elements, but ${values.length} were given`);
  }
  return tensorOfValues(what, type, dims, values);
}

/** Of `length` elements, the last value being those that there are no values of. Errors: INVALID_ARGUMENT, for a value that the type has not. */
export function tensorOfValues(
  what: string,
  type: ElementType,
  dims: readonly number[],
  values: readonly Message[],
  length = values.length,
): Tensor {
  if (type.type === 'string') {
    const data = values.map((one) => text(what, one));
    const last = data.at(-1)!;
    for (let i = values.length; i < length; i++) data.push(last);
    return { type: 'string', data, dims };
  }
  const array = new type.array!(new ArrayBuffer(length * type.bytes), 0, length);
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) {
    for (let i = 0; i < values.length; i++) array[i] = toBits(values[i]);
  } else {
    array.set(values);
    // 8 and 16 bits come in fields of 32.
    const wrong = type.bytes < 4 && type.type !== 'bool' ? values.findIndex((one, i) => array[i] !== one) : -1;
    if (wrong >= 0) throw invalid(`${what}: element ${wrong} is no ${type.type}: ${values[wrong]}`);
  }
  if (length > values.length) array.fill(array[values.length - 1] as never, values.length);
  return { type: type.type, data: array, dims } as Tensor;
}

/** More of one stream run no sooner than those before have been answered. */
const mostAtOnce = 256;

/** Answers come as they are ready, each with its request's id; a failure is told in its place, and the stream goes on. */
function streamInfer(engine: Engine, { budget, tracing, log }: Around, stream: InferStream): void {
  const call = callOf(stream);
  const client = clientOf(stream);
  const path = stream.getPath();
  const header = headerOf(stream.metadata);
  const taken = takenFrom(stream);
  let running = 0;
  let hasEnded = false;
  const answerAll = async (message: Message, lease: Lease) => {
    const own = { ...call, take: (bytes: number) => lease.take(bytes) };
    for await (const infer_response of inferAll(engine, message, own)) {
      if (call.signal.aborted) return;
      if (!stream.write({ error_message: '', infer_response })) await taken();
    }
  };
  const answerOne = async ({ message, bytes }: Sized) => {
    const lease = budget.lease(client);
    const started = performance.now();
    let status = 'OK';
    try {
      lease.take(bytes);
      const model = modelIn(path, message);
      await tracedCall({ tracing, path, model, header, work: () => answerAll(message, lease) });
    } catch (error) {
      const failure = told(error);
      status = failure.status;
      const { model_name, model_version, id } = message;
      stream.write({ error_message: failure.message, infer_response: { model_name, model_version, id } });
    } finally {
      lease.release();
      log.call(path, status, performance.now() - started, client);
    }
    running--;
    if (hasEnded && running === 0) stream.end();
    else if (running < mostAtOnce) stream.resume();
  };
  stream.on('data', (request: Sized) => {
    running++;
    if (running >= mostAtOnce) stream.pause();
    void answerOne(request);
  });
  stream.on('error', () => {});
  stream.on('end', () => {
    hasEnded = true;
    if (running === 0) stream.end();
  });
}

/** What gives when the client has taken what was written, or is not there any more. All that wait for it wait together. */
function takenFrom(stream: InferStream): () => Promise<void> {
  let waiting: Promise<void> | undefined;
  return () => {
    waiting ??= new Promise((resolve) => {
      const done = () => {
        stream.off('drain', done).off('cancelled', done).off('close', done);
        waiting = undefined;
        resolve();
      };
      stream.on('drain', done).on('cancelled', done).on('close', done);
    });
    return waiting;
  };
}
