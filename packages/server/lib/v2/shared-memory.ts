// Tensors that are in shared memory: inputs are read from it, outputs written into it; and the regions themselves, by REST.

import type { Tensor } from 'tensorlane';
import type { ElementType } from '../core/dtypes.js';
import { invalid, Refusal } from '../core/errors.js';
import type { Engine } from '../engine/engine.js';
import type { Servable } from '../engine/servable.js';
import type { Region, SharedMemory } from '../engine/shared-memory.js';
import { type Answer, type Exchange, emptyAnswer, jsonAnswer } from '../http/exchange.js';
import type { JsonObject } from '../json/parse.js';
import { bytesOf, tensorOfBytes } from './binary.js';
import { requireInputs } from './inputs.js';
import { objectIn, wholeAt } from './parameters.js';

/** A place in a region, as a tensor's parameters say it. */
export interface Place {
  readonly region: string;
  readonly offset: number;
  readonly byteSize: number;
}

/** An input whose bytes are there. */
export interface SharedInput {
  readonly name: string;
  readonly called: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly place: Place;
}

/** Undefined, where it is not in shared memory. Errors: INVALID_ARGUMENT. */
export function placeIn(parameters: JsonObject, called: string): Place | undefined {
  const { shared_memory_region: region } = parameters;
  const offset = wholeAt(parameters, 'shared_memory_offset');
  const byteSize = wholeAt(parameters, 'shared_memory_byte_size');
  if (region === undefined && offset === undefined && byteSize === undefined) return undefined;
  if (typeof region !== 'string' || byteSize === undefined) {
    throw invalid(`${called}: shared memory is said by shared_memory_region and shared_memory_byte_size`);
  }
  return { region, offset: offset ?? 0, byteSize };
}

/** Errors: UNIMPLEMENTED, where it is not switched on. */
export function sharedMemoryOf({ sharedMemory }: Engine): SharedMemory {
  if (sharedMemory !== undefined) return sharedMemory;
  throw new Refusal('UNIMPLEMENTED', 'shared memory is not switched on here (sharedMemory: true)');
}

/** A client need not send what is there: it counts like what is sent. Errors: UNIMPLEMENTED, INVALID_ARGUMENT, ERR_NOT_FOUND; as of a lease. */
export async function readShared(
  engine: Engine,
  servable: Servable,
  inputs: readonly SharedInput[],
  { take }: { take(bytes: number): void },
): Promise<Readonly<Record<string, Tensor>>> {
  requireInputs(
    servable,
    inputs.map(({ name }) => name),
  );
  const memory = sharedMemoryOf(engine);
  for (const { place } of inputs) {
    memory.require(place.region, place.offset, place.byteSize);
    take(place.byteSize);
  }
  const entries = inputs.map(async ({ name, called, type, dims, place }) => {
    const bytes = await memory.read(place.region, place.offset, place.byteSize);
    return [name, tensorOfBytes(called, type, dims, bytes)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** How many bytes it wrote. Errors: UNIMPLEMENTED, INVALID_ARGUMENT (there is no room), ERR_NOT_FOUND. */
export async function writeShared(engine: Engine, name: string, tensor: Tensor, place: Place): Promise<number> {
  const bytes = bytesOf(tensor);
  if (bytes.length > place.byteSize) {
    throw invalid(
      `shared memory size specified with the request for output '${name}' (${place.byteSize} bytes) should be at least ${bytes.length} bytes to hold the results`,
    );
  }
  await sharedMemoryOf(engine).write(place.region, place.offset, bytes);
  return bytes.length;
}

export const regionMessage = ({ name, key, offset, byteSize }: Region) => ({ name, key, offset, byte_size: byteSize });

/** Of CUDA's. Errors: UNIMPLEMENTED. */
export function refuseCuda({ device }: Engine): never {
  const why = device.info.kind === 'cpu' ? 'the device is the CPU' : 'system shared memory is';
  throw new Refusal('UNIMPLEMENTED', `CUDA shared memory is not taken here: ${why}`);
}

/** What is at /v2/{system,cuda}sharedmemory[/region/R]/WHAT. */
export function sharedMemoryHandler(kind: 'system' | 'cuda', what: string, region: string | undefined) {
  return async (engine: Engine, exchange: Exchange): Promise<Answer> => {
    if (kind === 'cuda') {
      // There are none, which is also what clients clean up with.
      if (what === 'status' && region === undefined) return jsonAnswer(200, []);
      if (what === 'unregister') return emptyAnswer(200);
      return refuseCuda(engine);
    }
    const memory = sharedMemoryOf(engine);
    if (what === 'status') return jsonAnswer(200, memory.status(region).map(regionMessage));
    if (what === 'unregister') {
      await memory.unregister(region);
      return emptyAnswer(200);
    }
    const body = await objectIn(exchange);
    if (typeof body.key !== 'string') throw invalid("'key' must be a string");
    const byteSize = wholeAt(body, 'byte_size');
    if (byteSize === undefined) throw invalid("'byte_size' must be an integer of at least 0");
    const offset = wholeAt(body, 'offset') ?? 0;
    await memory.register({ name: region!, key: body.key, offset, byteSize });
    return emptyAnswer(200);
  };
}
