// inference.GRPCInferenceService: the Open Inference Protocol v2 over gRPC.

import type { Server, ServerDuplexStream } from '@grpc/grpc-js';
import type { RunOptions, Tensor } from 'tensorlane';
import { byType, byV2Name, type ElementType } from '../core/dtypes.js';
import { invalid, told } from '../core/errors.js';
import type { Engine, ModelReference } from '../engine/engine.js';
import type { Servable, ServedRunOptions } from '../engine/servable.js';
import type { ByteBudget } from '../http/budget.js';
import type { JsonObject } from '../json/parse.js';
import { elementsOf } from '../json/tensor.js';
import { modelConfigMessage } from '../triton/answer.js';
import { bytesOf, tensorOfBytes, text } from '../v2/binary.js';
import { modelMetadata, serverMetadata } from '../v2/metadata.js';
import { refuseClassification, refuseSharedMemory, runOptions, versionOf, wholeAt } from '../v2/parameters.js';
import { servedTensor } from '../v2/reply.js';
import { indexEntries } from '../v2/repository.js';
import { modelStatistics } from '../v2/statistics.js';
import { type Long, toBits, toNumber } from './longs.js';
import { addService, type Call, callOf, type Message, type Sized } from './service.js';

export const inferenceService = 'inference.GRPCInferenceService';

export function addInference(server: Server, engine: Engine, budget: ByteBudget): void {
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
    RepositoryModelLoad: (request: Message) => control('load', engine, request),
    RepositoryModelUnload: (request: Message) => control('unload', engine, request),
  };
  addService(server, inferenceService, budget, unary, {
    ModelStreamInfer: (call: ServerDuplexStream<Sized, object>) => streamInfer(engine, budget, call),
  });
}

/** An empty version is none. Errors: INVALID_ARGUMENT. */
function referenceOf(name: string, version: string): ModelReference {
  return version === '' ? { name } : { name, version: versionOf(version) };
}

function isReady(engine: Engine, { name, version }: ModelReference): boolean {
  const model = engine.status().find((one) => one.name === name);
  return (model?.versions ?? []).some((one) => one.state === 'AVAILABLE' && (version ?? one.version) === one.version);
}

async function control(what: 'load' | 'unload', engine: Engine, request: Message): Promise<object> {
  const unknown = Object.keys(request.parameters).find((name) => what === 'load' || name !== 'unload_dependents');
  if (unknown !== undefined) throw invalid(`${what} does not take the parameter '${unknown.slice(0, 100)}'`);
  const dependents = request.parameters.unload_dependents?.bool_param === true;
  if (what === 'load') await engine.load(request.model_name);
  else await engine.unload(request.model_name, { dependents });
  return {};
}

async function infer(engine: Engine, request: Message, call: Call): Promise<object> {
  const model = referenceOf(request.model_name, request.model_version);
  return engine.use(model, async (servable) => {
    const parameters = parametersOf(request.parameters);
    const named = (request.outputs as Message[]).map(({ name, parameters: own }) => {
      refuseSharedMemory(parametersOf(own), `output '${name}'`);
      refuseClassification(parametersOf(own), `output '${name}'`);
      return name as string;
    });
    const options: ServedRunOptions = {
      signal: call.signal,
      ...runOptions(servable, parameters),
      ...deadline(call.deadlineMicros(), wholeAt(parameters, 'deadline')),
      ...(named.length === 0 ? {} : { outputs: [...new Set(named)] }),
    };
    const results = await servable.run(feedsOf(request), options);
    const names = named.length > 0 ? named : servable.outputs.map(({ name }) => name);
    return reply(servable, request.id, names, results);
  });
}

function deadline(left: number | undefined, own: number | undefined): RunOptions {
  return left === undefined && own === undefined ? {} : { deadlineMicros: Math.min(left ?? Infinity, own ?? Infinity) };
}

function reply(servable: Servable, id: string, names: readonly string[], results: Record<string, unknown>) {
  const tensors = names.map((name) => servedTensor(name, results[name]));
  return {
    model_name: servable.name,
    model_version: String(servable.version),
    id,
    outputs: tensors.map(({ type, dims }, at) => ({ name: names[at], datatype: byType.get(type)!.v2, shape: dims })),
    raw_output_contents: tensors.map(bytesOf),
  };
}

function parametersOf(given: Readonly<Record<string, Message>>): JsonObject {
  const parameters = Object.create(null) as JsonObject;
  for (const [name, choice] of Object.entries(given)) {
    const value = choice[choice.parameter_choice as string] as Long | string | boolean | undefined;
    if (value === undefined) throw invalid(`parameter '${name.slice(0, 100)}' has no value`);
    parameters[name] = typeof value === 'object' || typeof value === 'bigint' ? exact(value) : value;
  }
  return parameters;
}

/** A number, where one holds it exactly: an id is nobody else's. */
function exact(value: Long): number | bigint {
  const number = toNumber(value);
  if (Number.isSafeInteger(number)) return number;
  return number < 0 ? BigInt.asIntN(64, toBits(value)) : toBits(value);
}

function feedsOf({ inputs, raw_input_contents: raw }: Message): Record<string, Tensor> {
  const feeds = Object.create(null) as Record<string, Tensor>;
  const isRaw = raw.length > 0;
  if (isRaw && raw.length !== inputs.length) {
    throw invalid(`raw_input_contents has ${raw.length} tensors, but there are ${inputs.length} inputs`);
  }
  for (const [at, { name, datatype, shape, parameters, contents }] of (inputs as Message[]).entries()) {
    const called = `input '${name.slice(0, 100)}'`;
    if (name in feeds) throw invalid(`${called} was given twice`);
    const type = byV2Name.get(datatype);
    if (type === undefined) throw invalid(`${called}: datatype must be one of ${[...byV2Name.keys()].join(', ')}`);
    refuseSharedMemory(parametersOf(parameters), called);
    if (isRaw && contents) throw invalid('contents field must not be specified when using raw_input_contents');
    const dims = (shape as Long[]).map(toNumber);
    feeds[name] = isRaw
      ? tensorOfBytes(called, type, dims, raw[at])
      : tensorOfContents(called, type, dims, contents ?? {});
  }
  return feeds;
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

/** Of as many values as dims have. Errors: INVALID_ARGUMENT, for a value that the type has not. */
export function tensorOfValues(
  what: string,
  type: ElementType,
  dims: readonly number[],
  values: readonly Message[],
): Tensor {
  if (type.type === 'string') return { type: 'string', data: values.map((one) => text(what, one)), dims };
  const array = new type.array!(new ArrayBuffer(values.length * type.bytes), 0, values.length);
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) {
    for (let i = 0; i < values.length; i++) array[i] = toBits(values[i]);
  } else {
    array.set(values);
    // 8 and 16 bits come in fields of 32.
    const wrong = type.bytes < 4 && type.type !== 'bool' ? values.findIndex((one, i) => array[i] !== one) : -1;
    if (wrong >= 0) throw invalid(`${what}: element ${wrong} is no ${type.type}: ${values[wrong]}`);
  }
  return { type: type.type, data: array, dims } as Tensor;
}

/** More of one stream run no sooner than those before have been answered. */
const mostAtOnce = 256;

/** Answers come as they are ready, each with its request's id; a failure is told in its place, and the stream goes on. */
function streamInfer(engine: Engine, budget: ByteBudget, stream: ServerDuplexStream<Sized, object>): void {
  const call = callOf(stream);
  let running = 0;
  let hasEnded = false;
  const answerOne = async ({ message, bytes }: Sized) => {
    const lease = budget.lease();
    try {
      lease.take(bytes);
      stream.write({ error_message: '', infer_response: await infer(engine, message, call) });
    } catch (error) {
      const { model_name, model_version, id } = message;
      stream.write({ error_message: told(error).message, infer_response: { model_name, model_version, id } });
    } finally {
      lease.release();
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
