// Triton's raw requests: a body that is the bytes of the model's one input, and nothing else.
//
// The rule: its shape is the model's own, of one row where the model has rows, with at most one dimension that the number of bytes says.

import type { Feeds, Tensor } from 'tensorlane';
import { byType } from '../core/dtypes.js';
import { invalid } from '../core/errors.js';
import type { Servable } from '../engine/servable.js';
import { tensorOfBytes, text } from './binary.js';

/** Errors: INVALID_ARGUMENT. */
export function rawFeeds({ name: model, inputs, maxBatchSize }: Servable, bytes: Uint8Array): Feeds {
  const [info, another] = inputs;
  if (info === undefined || another !== undefined) {
    throw invalid(`a raw request is for a model with one input, and '${model}' has ${inputs.length}`);
  }
  const what = `input '${info.name}'`;
  const type = byType.get(info.type);
  if (type === undefined || info.dims === undefined) throw invalid(`${what}: a raw request does not say its shape`);
  const isBatched = maxBatchSize !== undefined && info.dims[0] === -1;
  const dims = (info.dims as readonly number[]).map((dim, at) => (isBatched && at === 0 ? 1 : dim));
  const free = dims.flatMap((dim, at) => (dim === -1 ? [at] : []));
  if (free.length > 1)
    throw invalid(`${what}: a raw request says one dimension at most, and [${dims.join(', ')}] has more`);
  const others = dims.reduce((all, dim) => (dim === -1 ? all : all * dim), 1);
  if (type.type === 'string') {
    // One string, whose length is that of the body.
    if (others !== 1) throw invalid(`${what}: a raw request has one string, and [${dims.join(', ')}] has more`);
    return { [info.name]: { type: 'string', data: [text(what, bytes)], dims: dims.map(() => 1) } };
  }
  if (free.length === 1) {
    const each = others * type.bytes;
    if (each === 0 || bytes.length % each !== 0) {
      throw invalid(`${what}: ${bytes.length} bytes are no multiple of the ${each} of [${dims.join(', ')}]`);
    }
    dims[free[0]!] = bytes.length / each;
  }
  return { [info.name]: tensorOfBytes(what, type, dims, bytes) as Tensor };
}
