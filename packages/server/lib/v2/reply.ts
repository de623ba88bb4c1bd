// The answer to an inference: JSON, and behind it the bytes of those outputs that were wanted so.

import { type Outputs, type Tensor, TensorlaneError } from 'tensorlane';
import { byType } from '../core/dtypes.js';
import type { Servable } from '../engine/servable.js';
import { type Answer, textAnswer } from '../http/exchange.js';
import { elementsText } from '../json/tensor.js';
import { bytesOf } from './binary.js';
import type { InferRequest } from './infer.js';

export function inferAnswer(servable: Servable, request: InferRequest, outputs: Outputs): Answer {
  const wanted = request.outputs ?? servable.outputs.map(({ name }) => ({ name, isBinary: request.isBinary }));
  const binary: Uint8Array[] = [];
  const parts = wanted.map(({ name, isBinary }) => {
    const tensor = servedTensor(name, outputs[name]);
    const start = `{"name":${JSON.stringify(name)},"datatype":"${byType.get(tensor.type)!.v2}","shape":[${tensor.dims.join(',')}]`;
    if (!isBinary) return `${start},"data":[${elementsText(tensor).join(',')}]}`;
    const bytes = bytesOf(tensor);
    binary.push(bytes);
    return `${start},"parameters":{"binary_data_size":${bytes.length}}}`;
  });
  const id = request.id === undefined ? '' : `"id":${JSON.stringify(request.id)},`;
  const json =
    `{${id}"model_name":${JSON.stringify(servable.name)},"model_version":"${servable.version}",` +
    `"outputs":[${parts.join(',')}]}`;
  if (!wanted.some(({ isBinary }) => isBinary)) return textAnswer(200, json);
  const head = Buffer.from(json);
  const headers = {
    'content-type': 'application/octet-stream',
    'inference-header-content-length': String(head.length),
  };
  return { status: 200, headers, body: [head, ...binary] };
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
