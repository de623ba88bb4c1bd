// The answer to an inference: JSON, and behind it the bytes of those outputs that were wanted so.

import { type Outputs, type Tensor, TensorlaneError } from 'tensorlane';
import { type JsonDType, printNumbers } from 'tensorlane/json';
import { byType } from '../core/dtypes.js';
import type { Engine } from '../engine/engine.js';
import type { Servable } from '../engine/servable.js';
import { type Answer, bytesIn, lengthOf, textAnswer } from '../http/exchange.js';
import { bytesOf } from './binary.js';
import { classified } from './classification.js';
import type { InferRequest, RequestedOutput } from './request.js';
import { type Place, writeShared } from './shared-memory.js';

export async function inferAnswer(
  engine: Engine,
  servable: Servable,
  request: InferRequest,
  outputs: Outputs,
): Promise<Answer> {
  const wanted: readonly RequestedOutput[] =
    request.outputs ?? servable.outputs.map(({ name }) => ({ name, isBinary: request.isBinary }));
  const tensors = wanted.map((output) => outputTensor(servable, output, outputs));
  const written = await Promise.all(
    wanted.map(({ name, place }, at) => place && writeShared(engine, name, tensors[at]!, place)),
  );
  const id = request.id === undefined || request.id === '' ? '' : `"id":${JSON.stringify(request.id)},`;
  const model = `"model_name":${JSON.stringify(servable.name)},"model_version":"${servable.version}"`;
  const json: (string | Uint8Array)[] = [`{${id}${model},"outputs":[`];
  const binary: Uint8Array[] = [];
  for (const [at, { name, isBinary, place }] of wanted.entries()) {
    const tensor = tensors[at]!;
    const datatype = byType.get(tensor.type)!.v2;
    const shape = `[${tensor.dims.join(',')}]`;
    json.push(`${at > 0 ? ',' : ''}{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":${shape}`);
    if (place !== undefined) {
      json.push(`,"parameters":${JSON.stringify(placeParameters(place, written[at]!))}}`);
    } else if (isBinary) {
      const bytes = bytesOf(tensor);
      binary.push(bytes);
      json.push(`,"parameters":{"binary_data_size":${bytes.length}}}`);
    } else json.push(',"data":[', await elementsText(tensor), ']}');
  }
  json.push(']}');
  if (!wanted.some(({ isBinary, place }) => isBinary && place === undefined)) return textAnswer(200, json);
  const head = bytesIn(json);
  const headers = {
    'content-type': 'application/octet-stream',
    'inference-header-content-length': String(lengthOf(head)),
  };
  return { status: 200, headers, body: [...head, ...binary] };
}

/** The elements as JSON, separated by commas; bytes, where they are many numbers. */
export async function elementsText(tensor: Tensor): Promise<string | Uint8Array> {
  if (tensor.type === 'string') return tensor.data.map((one) => JSON.stringify(one)).join(',');
  return (await printNumbers(tensor as Tensor<JsonDType>)).text;
}

/** As it is wanted: itself, or its classes. Errors: ERR_NOT_SUPPORTED, INVALID_ARGUMENT. */
export function outputTensor(
  servable: Servable,
  { name, classes }: Pick<RequestedOutput, 'name' | 'classes'>,
  outputs: Outputs,
): Tensor {
  const tensor = servedTensor(name, outputs[name]);
  if (classes === undefined) return tensor;
  const info = servable.outputs.find((output) => output.name === name);
  const indices = servable.indicesOf(name, outputs);
  const labels = servable.labelsOf(name, outputs);
  const isBatched = servable.maxBatchSize !== undefined && info?.dims?.[0] === -1;
  const places = indices === undefined ? undefined : outputs[indices];
  return classified(name, tensor, classes, { isBatched, labels, indices: places });
}

/** Of an output that is in shared memory. */
export function placeParameters({ region, offset }: Place, byteSize: number) {
  return {
    shared_memory_region: region,
    ...(offset === 0 ? {} : { shared_memory_offset: offset }),
    shared_memory_byte_size: byteSize,
  };
}

/** Errors: ERR_NOT_SUPPORTED, of what the protocols have no type for. */
export function servedTensor(name: string, value: unknown): Tensor {
  const tensor = value as Tensor | undefined;
  if (tensor !== undefined && tensor !== null && byType.has(tensor.type)) return tensor;
  throw new TensorlaneError(
    'ERR_NOT_SUPPORTED',
    `output '${name}' is of a type that this protocol has not; ask for the others by name`,
  );
}
