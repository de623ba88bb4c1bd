// One inference: the request's tensors, the run, and the answer.
//
// A request is read in two steps, because what comes first says how the rest is laid out: its JSON (all of the body, or as many bytes of it as
// Inference-Header-Content-Length says), then the tensors in the bytes after it.

import type { Feeds, Outputs, Tensor } from 'tensorlane';
import { byV2Name } from '../core/dtypes.js';
import { invalid } from '../core/errors.js';
import { shown } from '../core/options.js';
import type { Engine, ModelReference } from '../engine/engine.js';
import type { Servable, ServedRunOptions } from '../engine/servable.js';
import { deadlineOf } from '../http/deadline.js';
import type { Answer, Exchange } from '../http/exchange.js';
import { isObject, type JsonObject, type JsonValue } from '../json/parse.js';
import { readJson } from '../json/read.js';
import { elementsOf, tensorOf } from '../json/tensor.js';
import { BinaryReader } from './binary.js';
import { classesIn, outputsToRun } from './classification.js';
import { onceEach, requireFew } from './inputs.js';
import { flagAt, objectAt, runOptions, wholeAt } from './parameters.js';
import { answerInParts, wantsParts } from './parts.js';
import { rawFeeds } from './raw.js';
import { inferAnswer } from './reply.js';
import type { InferRequest } from './request.js';
import { placeIn, readShared, type SharedInput } from './shared-memory.js';

const headerLength = 'inference-header-content-length';
const namesOfElements: ReadonlySet<string> = new Set(['data']);

export async function infer(engine: Engine, exchange: Exchange, model: ModelReference): Promise<Answer> {
  // A model that is not there needs no body.
  engine.resolve(model);
  const head = headLength(exchange);
  const bytes = await exchange.body(head ?? 0);
  if (wantsParts(exchange)) return answerInParts(inferAll(engine, exchange, model, bytes, head));
  return engine.use(model, async (servable) => {
    const { request, feeds } = await readWhole(engine, servable, bytes, head, exchange);
    const outputs = (await servable.run(feeds, request.options)) as Outputs;
    return inferAnswer(engine, servable, request, outputs);
  });
}

/** Of a decoupled model as they come, and the one of any other. */
async function* inferAll(
  engine: Engine,
  exchange: Exchange,
  model: ModelReference,
  bytes: Uint8Array,
  head: number | undefined,
): AsyncGenerator<Answer, void> {
  const servable = engine.resolve(model);
  const release = servable.hold();
  try {
    const { request, feeds } = await readWhole(engine, servable, bytes, head, exchange);
    for await (const outputs of servable.stream(feeds, request.options)) {
      yield await inferAnswer(engine, servable, request, outputs);
    }
  } finally {
    release();
  }
}

/** With what lies in shared memory. */
async function readWhole(
  engine: Engine,
  servable: Servable,
  bytes: Uint8Array,
  head: number | undefined,
  exchange: Exchange,
) {
  const request = await readRequest(servable, bytes, head, exchange);
  const { feeds, shared } = request;
  return {
    request,
    feeds:
      shared.length === 0
        ? feeds
        : { ...feeds, ...(await readShared(engine, servable, shared, { take: (more) => exchange.take(more) })) },
  };
}

function headLength(exchange: Exchange): number | undefined {
  const text = exchange.header(headerLength);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw invalid(`${headerLength} must be a number of bytes`);
  return Number(text);
}

async function readRequest(
  servable: Servable,
  bytes: Uint8Array,
  head: number | undefined,
  exchange: Exchange,
): Promise<InferRequest> {
  if (head === 0) {
    const options = { signal: exchange.signal, ...deadlineOf(exchange) };
    return { id: undefined, feeds: rawFeeds(servable, bytes), shared: [], options, outputs: undefined, isBinary: true };
  }
  if (head !== undefined && head > bytes.length) {
    throw invalid(`${headerLength} is ${head}, but the body has ${bytes.length} bytes`);
  }
  const json = await readJson(head === undefined ? bytes : bytes.subarray(0, head), namesOfElements);
  if (!isObject(json)) throw invalid('the request must be a JSON object');
  const binary = new BinaryReader(bytes.subarray(head ?? bytes.length));
  const { id } = json;
  if (id !== undefined && typeof id !== 'string') throw invalid("'id' must be a string");
  const parameters = objectAt(json, 'parameters', 'parameters');
  const outputs = json.outputs === undefined ? undefined : onceEach(listAt(json, 'outputs').map(readOutput));
  const isBinary = flagAt(parameters, 'binary_data_output') ?? false;
  const shared: SharedInput[] = [];
  const feeds = await readInputs(listAt(json, 'inputs'), binary, shared);
  binary.end();
  const options: ServedRunOptions = {
    signal: exchange.signal,
    ...runOptions(servable, parameters),
    ...deadlineOf(exchange, wholeAt(parameters, 'deadline')),
    ...(outputs === undefined || outputs.length === 0 ? {} : { outputs: outputsToRun(servable, outputs) }),
  };
  const chosen = outputs?.map(({ binary: own, ...output }) => ({ ...output, isBinary: own ?? isBinary }));
  return { id, feeds, shared, options, outputs: chosen?.length ? chosen : undefined, isBinary };
}

async function readInputs(inputs: readonly JsonValue[], binary: BinaryReader, shared: SharedInput[]): Promise<Feeds> {
  const feeds: Record<string, Tensor> = Object.create(null) as Record<string, Tensor>;
  for (const [at, input] of inputs.entries()) {
    const what = `inputs[${at}]`;
    if (!isObject(input)) throw invalid(`${what} must be an object`);
    const { name, datatype, shape, data } = input;
    if (typeof name !== 'string' || name === '') throw invalid(`${what} has no name`);
    const called = `input '${name.slice(0, 100)}'`;
    if (name in feeds || shared.some((one) => one.name === name)) throw invalid(`${called} was given twice`);
    const type = typeof datatype === 'string' ? byV2Name.get(datatype) : undefined;
    if (type === undefined) {
      const known = [...byV2Name.keys()].join(', ');
      throw invalid(`${called}: datatype must be one of ${known}, got ${shown(datatype)}`);
    }
    if (!Array.isArray(shape)) throw invalid(`${called} has no shape`);
    const dims = shape as number[];
    elementsOf(called, dims);
    const parameters = objectAt(input, 'parameters', `${called}: parameters`);
    const place = placeIn(parameters, called);
    if (place !== undefined) {
      if (data !== undefined || parameters.binary_data_size !== undefined) {
        throw invalid(`${called} has both data and a shared_memory_region`);
      }
      shared.push({ name, called, type, dims, place });
      continue;
    }
    const size = parameters.binary_data_size;
    if (size === undefined) {
      if (data === undefined) throw invalid(`${called} has no data`);
      feeds[name] = await tensorOf(called, type, dims, data);
      continue;
    }
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
      throw invalid(`${called}: binary_data_size must be a number of bytes`);
    }
    if (data !== undefined) throw invalid(`${called} has both data and binary_data_size`);
    feeds[name] = binary.tensor(called, type, dims, size);
  }
  return feeds;
}

function readOutput(output: JsonValue, at: number) {
  if (!isObject(output)) throw invalid(`outputs[${at}] must be an object`);
  const { name } = output;
  if (typeof name !== 'string' || name === '') throw invalid(`outputs[${at}] has no name`);
  const called = `output '${name.slice(0, 100)}'`;
  const parameters = objectAt(output, 'parameters', `${called}: parameters`);
  const binary = flagAt(parameters, 'binary_data');
  return { name, binary, classes: classesIn(parameters, called), place: placeIn(parameters, called) };
}

function listAt(from: JsonObject, name: string): readonly JsonValue[] {
  const value = from[name];
  if (!Array.isArray(value)) throw invalid(`'${name}' must be an array`);
  requireFew(name, value.length);
  return value;
}
