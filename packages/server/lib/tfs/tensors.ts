// Tensors out of TensorFlow Serving's JSON, and back.
//
// The rule: arrays say the shape, so all of one level have one length. A string is one, or { "b64": ... }.

import type { Feeds, Outputs, Tensor, ValueInfo } from 'tensorlane';
import { byType } from '../core/dtypes.js';
import { invalid, Refusal } from '../core/errors.js';
import { isObject, type JsonObject, type JsonValue } from '../json/parse.js';
import { PrettyWriter } from '../json/pretty.js';
import { tensorOf } from '../json/tensor.js';
import { text } from '../v2/binary.js';
import { servedTensor } from '../v2/reply.js';
import { elementPrinter } from './numbers.js';

/** Errors: INVALID_ARGUMENT. */
export function rowFeeds(inputs: readonly ValueInfo[], instances: JsonValue): Feeds {
  if (!Array.isArray(instances)) throw invalid("Expecting 'instances' to be a list");
  if (instances.length === 0) throw invalid("No values in 'instances' list");
  const areObjects = isRowObject(instances[0]!);
  if (!areObjects && inputs.length > 1) {
    throw invalid(
      `'instances' is a plain list, but the model has several inputs: each row must be an object with ${namesOf(inputs)}`,
    );
  }
  for (const [at, row] of instances.entries()) {
    if (isRowObject(row) === areObjects) continue;
    throw invalid(
      `Expecting ${areObjects ? 'an object' : 'a value or list'} at item ${at} of 'instances', as at item 0`,
    );
  }
  if (!areObjects) return { [inputs[0]!.name]: dense(inputs[0]!, instances) };
  const wanted = namesOf(inputs);
  for (const [at, row] of (instances as JsonObject[]).entries()) {
    if (namesIn(Object.keys(row)) === wanted) continue;
    throw invalid(`Failed to process element ${at} of 'instances': its keys must be equal to ${wanted}`);
  }
  return named(inputs, (name) => (instances as JsonObject[]).map((row) => row[name]!));
}

/** Errors: INVALID_ARGUMENT. */
export function columnFeeds(inputs: readonly ValueInfo[], given: JsonValue): Feeds {
  if (!isRowObject(given)) {
    if (inputs.length === 1) return { [inputs[0]!.name]: dense(inputs[0]!, given) };
    throw invalid(
      `'inputs' is a plain value or list, but the model has several inputs: it must be an object with ${namesOf(inputs)}`,
    );
  }
  const object = given as JsonObject;
  return named(inputs, (name) => {
    const value = object[name];
    if (value === undefined) throw invalid(`Missing named input: ${name} in 'inputs' object`);
    return value;
  });
}

function named(inputs: readonly ValueInfo[], given: (name: string) => JsonValue): Feeds {
  return Object.fromEntries(inputs.map((input) => [input.name, dense(input, given(input.name))]));
}

const namesOf = (inputs: readonly ValueInfo[]) => namesIn(inputs.map(({ name }) => name));
const namesIn = (names: readonly string[]) => [...names].sort().join(',');

const isBase64 = (value: JsonValue): value is { b64: string } =>
  isObject(value) && typeof value.b64 === 'string' && Object.keys(value).length === 1;
const isRowObject = (value: JsonValue) => isObject(value) && !isBase64(value);

/** Errors: INVALID_ARGUMENT, for arrays of several lengths at one level; UNIMPLEMENTED, for an input that JSON has nothing for. */
export function dense({ name, type }: ValueInfo, value: JsonValue): Tensor {
  const element = byType.get(type);
  const what = `input '${name}'`;
  if (element === undefined) throw new Refusal('UNIMPLEMENTED', `${what} is of a type that this protocol has not`);
  const dims: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0] ?? null) dims.push(inner.length);
  requireShape(what, value, dims, 0);
  return tensorOf(what, element, dims, element.type === 'string' ? decoded(what, value) : value);
}

function requireShape(what: string, value: JsonValue, dims: readonly number[], level: number): void {
  if (!Array.isArray(value)) {
    if (level < dims.length)
      throw invalid(`${what}: a value at level ${level}, where a list of ${dims[level]} was expected`);
    return;
  }
  if (level >= dims.length)
    throw invalid(`${what}: encountered a list at unexpected level ${level}, expected < ${dims.length}`);
  if (value.length !== dims[level]) {
    throw invalid(
      `${what}: encountered a list of unexpected size ${value.length} at level ${level}, expected size ${dims[level]}`,
    );
  }
  if (level === dims.length - 1) {
    const wrong = value.find((one) => Array.isArray(one));
    if (wrong === undefined) return;
  }
  for (const one of value) requireShape(what, one, dims, level + 1);
}

/** With base64 taken out of strings. */
function decoded(what: string, value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((one) => decoded(what, one));
  if (!isBase64(value)) return value;
  const { b64 } = value;
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/.test(b64)) {
    throw invalid(`${what}: unable to base64 decode`);
  }
  return text(what, Buffer.from(b64, 'base64'));
}

/** The body of a reply to rows. Errors: INVALID_ARGUMENT, where outputs have not one row each. */
export function rowsText(names: readonly string[], outputs: Outputs): string {
  const tensors = names.map((name) => servedTensor(name, outputs[name]));
  const rows = tensors[0]!.dims[0];
  for (const [at, { dims }] of tensors.entries()) {
    if (dims.length === 0) throw invalid(`Tensor name: ${names[at]} has no shape information`);
    if (dims[0] === rows) continue;
    throw invalid(`Tensor name: ${names[at]} has inconsistent batch size: ${dims[0]} expecting: ${rows}`);
  }
  const writer = new PrettyWriter();
  const printers = tensors.map((tensor, at) => new TensorPrinter(writer, names[at]!, tensor));
  writer.startObject();
  writer.key('predictions');
  writer.startArray();
  for (let row = 0; row < rows!; row++) {
    if (printers.length > 1) writer.startObject();
    writer.inLine = true;
    for (const printer of printers) {
      if (printers.length > 1) writer.key(printer.name);
      printer.next(1);
    }
    writer.inLine = false;
    if (printers.length > 1) writer.endObject();
  }
  writer.endArray();
  writer.endObject();
  return writer.text;
}

/** The body of a reply to columns. */
export function columnsText(names: readonly string[], outputs: Outputs): string {
  const writer = new PrettyWriter();
  writer.startObject();
  writer.key('outputs');
  if (names.length > 1) writer.startObject();
  for (const name of names) {
    if (names.length > 1) writer.key(name);
    new TensorPrinter(writer, name, servedTensor(name, outputs[name])).next(0);
  }
  if (names.length > 1) writer.endObject();
  writer.endObject();
  return writer.text;
}

/** Prints a tensor's elements one after the other. */
class TensorPrinter {
  readonly #writer: PrettyWriter;
  readonly #dims: readonly number[];
  readonly #print: (at: number) => string;
  readonly #strings: readonly string[] | undefined;
  #at = 0;

  constructor(
    writer: PrettyWriter,
    readonly name: string,
    tensor: Tensor,
  ) {
    this.#writer = writer;
    this.#dims = tensor.dims;
    this.#print = elementPrinter(tensor);
    // By their name they are no text.
    if (tensor.type === 'string' && name.endsWith('_bytes')) this.#strings = tensor.data as readonly string[];
  }

  /** What is within one place of the dimensions before `level`. */
  next(level: number): void {
    if (level >= this.#dims.length) {
      this.#element();
      return;
    }
    this.#writer.startArray();
    for (let i = 0; i < this.#dims[level]!; i++) this.next(level + 1);
    this.#writer.endArray();
  }

  #element(): void {
    const at = this.#at++;
    if (this.#strings === undefined) {
      this.#writer.value(this.#print(at));
      return;
    }
    this.#writer.startObject();
    this.#writer.key('b64');
    this.#writer.value(JSON.stringify(Buffer.from(this.#strings[at]!).toString('base64')));
    this.#writer.endObject();
  }
}
