// What a test needs of a model's file: what its inputs and outputs are called and are, and the file again with a free batch.

import { bytesOf, type Field, fieldsOf, messageOf, text } from '../support/wire.js';
import type { ValueKind } from './values.js';

export interface Declared {
  readonly name: string;
  readonly kind: ValueKind;
  /** undefined: free, or not known. */
  readonly dims: readonly (number | undefined)[] | undefined;
}

const graphField = 7;
const initializerField = 5;
const inputField = 11;
const outputField = 12;
const kinds: Readonly<Record<number, ValueKind>> = { 1: 'tensor', 4: 'sequence', 5: 'map', 8: 'sparse', 9: 'optional' };

export interface ModelFile {
  /** But those that have a value in the model. */
  readonly inputs: readonly Declared[];
  readonly outputs: readonly Declared[];
}

export function readModelFile(model: Uint8Array): ModelFile {
  const graph = fieldsOf(bytesOf(fieldsOf(model), graphField)[0]!);
  const weights = new Set(bytesOf(graph, initializerField).map((tensor) => nameOf(fieldsOf(tensor), 8)));
  const inputs = bytesOf(graph, inputField).map(declared);
  return {
    inputs: inputs.filter(({ name }) => !weights.has(name)),
    outputs: bytesOf(graph, outputField).map(declared),
  };
}

const nameOf = (fields: readonly Field[], number: number) => text(bytesOf(fields, number)[0] ?? new Uint8Array());

function declared(value: Uint8Array): Declared {
  const fields = fieldsOf(value);
  const name = nameOf(fields, 1);
  const type = fieldsOf(bytesOf(fields, 2)[0] ?? new Uint8Array()).find(({ number }) => kinds[number] !== undefined);
  if (type === undefined) return { name, kind: 'tensor', dims: undefined };
  const shape = bytesOf(fieldsOf(type.value as Uint8Array), 2)[0];
  const isTensor = kinds[type.number] === 'tensor';
  const dims = isTensor && shape !== undefined ? bytesOf(fieldsOf(shape), 1).map(sizeOf) : undefined;
  return { name, kind: kinds[type.number]!, dims };
}

function sizeOf(dim: Uint8Array): number | undefined {
  const size = fieldsOf(dim).find(({ number }) => number === 1)?.value;
  return typeof size === 'bigint' ? Number(size) : undefined;
}

/**
 * The model with 'N' as the leading dimension of all that it takes and gives; undefined where that is not one size for all
 * inputs, or there is a value that has none.
 */
export function withFreeBatch(model: Uint8Array): Uint8Array | undefined {
  const { inputs, outputs } = readModelFile(model);
  const rows = inputs[0]?.dims?.[0];
  const fits = ({ dims }: Declared) => dims !== undefined && dims.length > 0;
  if (rows === undefined || !inputs.every((input) => fits(input) && input.dims![0] === rows)) return undefined;
  if (!outputs.every((output) => fits(output))) return undefined;
  const free: Field = { number: 1, wire: 2, value: messageOf([{ number: 2, wire: 2, value: Buffer.from('N') }]) };
  const inValue = (value: Uint8Array) =>
    change(value, 2, (type) =>
      change(type, 1, (tensor) =>
        change(tensor, 2, (shape) => messageOf([free, ...fieldsOf(shape).filter(isDim).slice(1)])),
      ),
    );
  const names = new Set(inputs.map(({ name }) => name));
  const ofCallers = (value: Uint8Array) => (names.has(nameOf(fieldsOf(value), 1)) ? inValue(value) : value);
  return change(model, graphField, (graph) => change(change(graph, inputField, ofCallers), outputField, inValue));
}

const isDim = ({ number }: Field) => number === 1;

/** Each field of this number changed, the others as they are. */
function change(bytes: Uint8Array, number: number, how: (value: Uint8Array) => Uint8Array): Uint8Array {
  return messageOf(
    fieldsOf(bytes).map((field) =>
      field.number === number && field.wire === 2 ? { ...field, value: how(field.value as Uint8Array) } : field,
    ),
  );
}
