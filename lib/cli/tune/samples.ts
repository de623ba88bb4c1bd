// The requests that are sent: the user's own, or made up for the model's inputs.
//
// What is made up is random by a seed: floats from -1 to 1, integers and booleans 0 or 1 (which every vocabulary has), everything else
// zeros. A model whose time depends on its input's contents wants real ones.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TensorlaneError } from '../../core/errors.js';
import { arrayClasses, type NumericDType } from '../../tensor/dtypes.js';
import { tensor, zeros } from '../../tensor/tensor.js';
import type { Tensor, ValueInfo } from '../../tensor/types.js';
import { random } from '../load/random.js';
import { readNpz } from './npz.js';

export type Sample = Readonly<Record<string, Tensor>>;

export interface Samples {
  readonly all: readonly Sample[];
  /** Where they come from, in words. */
  readonly about: string;
}

/** Different requests, where they are made up, so that nothing is served from a cache of one; fewer where they are large. */
const made = 16;
const mostBytes = 64 * 2 ** 20;

/** `given`: shapes as name:1x3x224x224 (several by commas), a file.npz, or a folder of them. Errors: ERR_ARGUMENT; those of the file system. */
export async function samplesOf(inputs: readonly ValueInfo[], given: string | undefined, seed = 1): Promise<Samples> {
  if (given === undefined) return makeUp(inputs, new Map(), seed);
  const shapes = shapesOf(given);
  if (shapes !== undefined) {
    for (const name of shapes.keys()) {
      if (!inputs.some((input) => input.name === name)) throw noSuchInput(name, inputs);
    }
    return makeUp(inputs, shapes, seed);
  }
  const files = (await stat(given)).isDirectory()
    ? (await readdir(given))
        .filter((file) => file.endsWith('.npz'))
        .sort()
        .map((file) => join(given, file))
    : [given];
  if (files.length === 0) throw new TensorlaneError('ERR_ARGUMENT', `--input: the folder ${given} has no .npz file`);
  const all: Sample[] = [];
  for (const file of files) {
    const sample = await readNpz(file);
    for (const name of Object.keys(sample)) {
      if (!inputs.some((input) => input.name === name)) throw noSuchInput(name, inputs, file);
    }
    all.push(sample);
  }
  return { all, about: files.length === 1 ? given : `${files.length} files of ${given}` };
}

function noSuchInput(name: string, inputs: readonly ValueInfo[], file?: string): TensorlaneError {
  const known = inputs.map((input) => `'${input.name}'`).join(', ');
  const where = file === undefined ? '--input' : file;
  return new TensorlaneError('ERR_ARGUMENT', `${where}: the model has no input '${name}'; it takes ${known}`);
}

/** Undefined where it is the name of a file or folder. */
function shapesOf(given: string): Map<string, number[]> | undefined {
  const shapes = new Map<string, number[]>();
  for (const part of given.split(',')) {
    const found = /^(.+):(\d+(?:x\d+)*)$/.exec(part);
    if (found === null) return undefined;
    shapes.set(found[1]!, found[2]!.split('x').map(Number));
  }
  return shapes;
}

function makeUp(inputs: readonly ValueInfo[], shapes: ReadonlyMap<string, readonly number[]>, seed: number): Samples {
  const dice = random(seed);
  const one = () => Object.fromEntries(inputs.map((input) => [input.name, madeValue(input, shapes, dice)]));
  const first = one();
  const bytes = Object.values(first).reduce(
    (sum, { data }) => sum + (ArrayBuffer.isView(data) ? data.byteLength : data.length),
    0,
  );
  const count = Math.max(1, Math.min(made, Math.floor(mostBytes / Math.max(1, bytes))));
  const all = [first, ...Array.from({ length: count - 1 }, one)];
  const about = Object.entries(first).map(([name, { type, dims }]) => `${name}: ${type} [${dims.join(', ')}]`);
  return { all, about: `made up: ${about.join(', ')}` };
}

function madeValue(input: ValueInfo, shapes: ReadonlyMap<string, readonly number[]>, dice: () => number): Tensor {
  const { name, type, dims: declared } = input;
  const dims = shapes.get(name) ?? declared?.map((dim) => (dim === -1 ? 1 : dim));
  if (dims === undefined || ['sequence', 'map', 'optional', 'unsupported'].includes(type)) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `no value can be made up for input '${name}' (${type}${dims === undefined ? ', of unknown rank' : ''}); say --input ${name}:1x...`,
    );
  }
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (type === 'float32' || type === 'float64') {
    const data = new (arrayClasses[type] as Float32ArrayConstructor)(count);
    for (let i = 0; i < count; i++) data[i] = dice() * 2 - 1;
    return tensor(data as Float32Array, dims);
  }
  const value = zeros(type as NumericDType, dims) as Tensor;
  const { data } = value;
  if (type === 'int64' || type === 'uint64') {
    for (let i = 0; i < count; i++) (data as BigInt64Array)[i] = dice() < 0.5 ? 0n : 1n;
  } else if (['int32', 'int16', 'int8', 'uint32', 'uint16', 'uint8', 'bool'].includes(type)) {
    for (let i = 0; i < count; i++) (data as Uint8Array)[i] = dice() < 0.5 ? 0 : 1;
  }
  return value;
}
