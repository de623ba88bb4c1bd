// Tensors out of TensorFlow Serving's JSON, and back.
//
// The rule: arrays say the shape, so all of one level have one length. A string is one, or { "b64": ... }.

import type { Feeds, Outputs, Tensor, ValueInfo } from 'tensorlane';
import { type JsonDType, type PrintedNumbers, printNumbers } from 'tensorlane/json';
import { byType } from '../core/dtypes.js';
import { invalid, Refusal } from '../core/errors.js';
import { bytesOfBase64 } from '../json/base64.js';
import { isObject, type JsonObject, type JsonValue, Numbers } from '../json/parse.js';
import { PrettyWriter } from '../json/pretty.js';
import { tensorOf } from '../json/tensor.js';
import { text } from '../v2/binary.js';
import { servedTensor } from '../v2/reply.js';

/** Errors: INVALID_ARGUMENT. */
export async function rowFeeds(inputs: readonly ValueInfo[], instances: JsonValue): Promise<Feeds> {
  const isLong = instances instanceof Numbers;
  if (!isLong && !Array.isArray(instances)) throw invalid("Expecting 'instances' to be a list");
  if (!isLong && instances.length === 0) throw invalid("No values in 'instances' list");
  const areObjects = !isLong && isRowObject(instances[0]!);
  if (!areObjects && inputs.length > 1) {
    throw invalid(
      `'instances' is a plain list, but the model has several inputs: each row must be an object with ${namesOf(inputs)}`,
    );
  }
  if (isLong) return { [inputs[0]!.name]: await dense(inputs[0]!, instances) };
  for (const [at, row] of instances.entries()) {
    if (isRowObject(row) === areObjects) continue;
    throw invalid(
      `Expecting ${areObjects ? 'an object' : 'a value or list'} at item ${at} of 'instances', as at item 0`,
    );
  }
  if (!areObjects) return { [inputs[0]!.name]: await dense(inputs[0]!, instances) };
  const wanted = namesOf(inputs);
  for (const [at, row] of (instances as JsonObject[]).entries()) {
    if (namesIn(Object.keys(row)) === wanted) continue;
    throw invalid(`Failed to process element ${at} of 'instances': its keys must be equal to ${wanted}`);
  }
  return named(inputs, (name) => (instances as JsonObject[]).map((row) => row[name]!));
}

/** Errors: INVALID_ARGUMENT. */
export async function columnFeeds(inputs: readonly ValueInfo[], given: JsonValue): Promise<Feeds> {
  if (!isRowObject(given)) {
    if (inputs.length === 1) return { [inputs[0]!.name]: await dense(inputs[0]!, given) };
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

async function named(inputs: readonly ValueInfo[], given: (name: string) => JsonValue): Promise<Feeds> {
  const feeds: [string, Tensor][] = [];
  for (const input of inputs) feeds.push([input.name, await dense(input, given(input.name))]);
  return Object.fromEntries(feeds);
}

const namesOf = (inputs: readonly ValueInfo[]) => namesIn(inputs.map(({ name }) => name));
const namesIn = (names: readonly string[]) => [...names].sort().join(',');

const isBase64 = (value: JsonValue): value is { b64: string } =>
  isObject(value) && typeof value.b64 === 'string' && Object.keys(value).length === 1;
const isRowObject = (value: JsonValue) => isObject(value) && !isBase64(value);

/** Errors: INVALID_ARGUMENT, for arrays of several lengths at one level; UNIMPLEMENTED, for an input that JSON has nothing for. */
async function dense({ name, type }: ValueInfo, value: JsonValue): Promise<Tensor> {
  const element = byType.get(type);
  const what = `input '${name}'`;
  if (element === undefined) throw new Refusal('UNIMPLEMENTED', `${what} is of a type that this protocol has not`);
  const dims: number[] = [];
  let inner = value;
  for (; Array.isArray(inner); inner = inner[0] ?? null) dims.push(inner.length);
  if (inner instanceof Numbers) dims.push(...inner.array.dims);
  requireShape(what, value, dims, 0);
  return tensorOf(what, element, dims, element.type === 'string' ? decoded(what, value) : value);
}

function requireShape(what: string, value: JsonValue, dims: readonly number[], level: number): void {
  if (value instanceof Numbers) {
    const own = value.array.dims;
    for (const [i, length] of own.entries()) requireList(what, length, dims, level + i);
    requireValue(what, dims, level + own.length);
    return;
  }
  if (!Array.isArray(value)) {
    requireValue(what, dims, level);
    return;
  }
  requireList(what, value.length, dims, level);
  const areValues = level === dims.length - 1 && !value.some((one) => Array.isArray(one) || one instanceof Numbers);
  if (!areValues) for (const one of value) requireShape(what, one, dims, level + 1);
}

function requireValue(what: string, dims: readonly number[], level: number): void {
  if (level >= dims.length) return;
  throw invalid(`${what}: a value at level ${level}, where a list of ${dims[level]} was expected`);
}

function requireList(what: string, length: number, dims: readonly number[], level: number): void {
  if (level >= dims.length)
    throw invalid(`${what}: encountered a list at unexpected level ${level}, expected < ${dims.length}`);
  if (length === dims[level]) return;
  throw invalid(
    `${what}: encountered a list of unexpected size ${length} at level ${level}, expected size ${dims[level]}`,
  );
}

/** With base64 taken out of strings. */
function decoded(what: string, value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((one) => decoded(what, one));
  if (!isBase64(value)) return value;
  const { b64 } = value;
  return text(what, bytesOfBase64(what, b64));
}

type Text = readonly (string | Uint8Array)[];

/** The body of a reply to rows. Errors: INVALID_ARGUMENT, where outputs have not one row each. */
export async function rowsText(names: readonly string[], outputs: Outputs): Promise<Text> {
  const tensors = names.map((name) => servedTensor(name, outputs[name]));
  const rows = tensors[0]!.dims[0]!;
  for (const [at, { dims }] of tensors.entries()) {
    if (dims.length === 0) throw invalid(`Tensor name: ${names[at]} has no shape information`);
    if (dims[0] === rows) continue;
    throw invalid(`Tensor name: ${names[at]} has inconsistent batch size: ${dims[0]} expecting: ${rows}`);
  }
  const writer = new PrettyWriter();
  const printers = await Promise.all(
    tensors.map(async (tensor, at) => {
      if (tensor.type === 'string') return new StringPrinter(writer, names[at]!, tensor);
      const printed = await printNumbers(tensor as Tensor<JsonDType>, { style: 'tensorflow', layout: 'rows' });
      return new NumberPrinter(writer, printed);
    }),
  );
  writer.startObject();
  writer.key('predictions');
  writer.startArray();
  if (printers.length === 1) inLine(writer, () => printers[0]!.rows(rows));
  for (let row = 0; row < rows && printers.length > 1; row++) {
    writer.startObject();
    for (const [at, printer] of printers.entries()) {
      inLine(writer, () => {
        writer.key(names[at]!);
        printer.row(row);
      });
    }
    writer.endObject();
  }
  writer.endArray();
  writer.endObject();
  return writer.parts;
}

function inLine(writer: PrettyWriter, write: () => void): void {
  writer.inLine = true;
  write();
  writer.inLine = false;
}

/** The body of a reply to columns. */
export async function columnsText(names: readonly string[], outputs: Outputs): Promise<Text> {
  const writer = new PrettyWriter();
  writer.startObject();
  writer.key('outputs');
  if (names.length > 1) writer.startObject();
  for (const name of names) {
    if (names.length > 1) writer.key(name);
    const tensor = servedTensor(name, outputs[name]);
    if (tensor.type === 'string') {
      new StringPrinter(writer, name, tensor).all();
    } else {
      const layout = { style: 'tensorflow', layout: 'lines', indent: writer.depth } as const;
      writer.value((await printNumbers(tensor as Tensor<JsonDType>, layout)).text);
    }
  }
  if (names.length > 1) writer.endObject();
  writer.endObject();
  return writer.parts;
}

/** Writes what was printed of a tensor's rows. */
class NumberPrinter {
  readonly #writer: PrettyWriter;
  readonly #printed: PrintedNumbers;

  constructor(writer: PrettyWriter, printed: PrintedNumbers) {
    this.#writer = writer;
    this.#printed = printed;
  }

  /** All of them. */
  rows(count: number): void {
    if (count > 0) this.#writer.value(this.#printed.text);
  }

  /** To be called for one after the other. */
  row(row: number): void {
    const { text, ends } = this.#printed;
    const start = row === 0 ? 0 : ends[row - 1]! + ', '.length;
    this.#writer.value(typeof text === 'string' ? text.slice(start, ends[row]) : text.subarray(start, ends[row]));
  }
}

/** Prints a tensor's strings one after the other; as base64, where they are no text by their name. */
class StringPrinter {
  readonly #writer: PrettyWriter;
  readonly #tensor: Tensor<'string'>;
  readonly #areBytes: boolean;
  #at = 0;

  constructor(writer: PrettyWriter, name: string, tensor: Tensor<'string'>) {
    this.#writer = writer;
    this.#tensor = tensor;
    this.#areBytes = name.endsWith('_bytes');
  }

  all(): void {
    this.#within(0);
  }

  rows(count: number): void {
    for (let row = 0; row < count; row++) this.row(row);
  }

  /** To be called for one after the other. */
  row(_row: number): void {
    this.#within(1);
  }

  /** What is within one place of the dimensions before `level`. */
  #within(level: number): void {
    const { dims, data } = this.#tensor;
    if (level < dims.length) {
      this.#writer.startArray();
      for (let i = 0; i < dims[level]!; i++) this.#within(level + 1);
      this.#writer.endArray();
      return;
    }
    const text = data[this.#at++]!;
    if (!this.#areBytes) {
      this.#writer.value(JSON.stringify(text));
      return;
    }
    this.#writer.startObject();
    this.#writer.key('b64');
    this.#writer.value(JSON.stringify(Buffer.from(text).toString('base64')));
    this.#writer.endObject();
  }
}
