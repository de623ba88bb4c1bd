// TensorFlow's examples as a model's inputs: each input is a feature of its name, a row of each example.
//
// The rule: an example has every input, and as many values of each as a row of it has; what a feature has too much, nobody asks for.

import type { Feeds, ValueInfo } from 'tensorlane';
import { byType } from '../core/dtypes.js';
import { invalid, Refusal } from '../core/errors.js';
import { FillBudget } from '../core/fill-budget.js';
import { bytesOfBase64 } from '../json/base64.js';
import { isObject, type JsonObject, type JsonValue, Numbers } from '../json/parse.js';
import { tensorOf } from '../json/tensor.js';
import { text } from '../v2/binary.js';

/** By feature, its values: numbers, or text. */
export type Example = Readonly<Record<string, readonly JsonValue[] | Numbers>>;

/** Where values of features may be `Numbers`, in a request's JSON: what else these names mean is no long array. */
export function featuresIn(inputs: readonly ValueInfo[]): ReadonlySet<string> {
  const names = new Set(inputs.map(({ name }) => name));
  for (const own of ['context', 'examples', 'signature_name']) names.delete(own);
  return names;
}

/** Of a request's JSON: what all examples have in `context`, and those in `examples`. Errors: INVALID_ARGUMENT. */
export function examplesIn({ context, examples }: JsonObject): Example[] {
  if (!Array.isArray(examples)) throw invalid("Request has no 'examples' list");
  if (examples.length === 0) throw invalid('Input is empty.');
  const shared = context === undefined ? {} : exampleOf("'context'", context);
  return examples.map((one, at) => ({ ...shared, ...exampleOf(`Example ${at}`, one) }));
}

function exampleOf(what: string, value: JsonValue): Example {
  if (!isObject(value)) throw invalid(`${what} must be an object`);
  return Object.fromEntries(
    Object.entries(value).map(([name, given]) => {
      if (given instanceof Numbers && given.array.dims.length === 1) return [name, given];
      const values = Array.isArray(given) ? given : [given];
      return [name, values.map((one) => valueOfFeature(`${what}: feature '${name.slice(0, 100)}'`, one))];
    }),
  );
}

function valueOfFeature(what: string, value: JsonValue): JsonValue {
  if (isObject(value)) {
    const { b64 } = value;
    if (typeof b64 !== 'string' || Object.keys(value).length !== 1)
      throw invalid(`${what} has an object other than b64`);
    return text(what, bytesOfBase64(what, b64));
  }
  if (Array.isArray(value) || value instanceof Numbers || value === null)
    throw invalid(`${what} must be a value or a list of values`);
  return value;
}

/** Errors: INVALID_ARGUMENT, for a feature that is not there, or of another length; UNIMPLEMENTED, for an input that is no feature. */
export async function exampleFeeds(inputs: readonly ValueInfo[], examples: readonly Example[]): Promise<Feeds> {
  if (examples.length === 0) throw invalid('Input is empty.');
  const feeds: Record<string, Feeds[string]> = {};
  const filled = new FillBudget();
  for (const { name, type, dims } of inputs) {
    const what = `Feature '${name}'`;
    const element = byType.get(type);
    if (element === undefined) throw new Refusal('UNIMPLEMENTED', `${what} is of a type that this protocol has not`);
    const rows = examples.map((example, at) => {
      if (Object.hasOwn(example, name)) return example[name]!;
      throw invalid(
        `Name: <unknown>, Feature: ${name} (data type: ${type}) is required but could not be found in example ${at}`,
      );
    });
    const row = rowDims(what, dims, lengthOf(rows[0]!));
    const length = row.reduce((product, dim) => product * dim, 1);
    for (const [at, values] of rows.entries()) {
      if (lengthOf(values) === length) continue;
      throw invalid(`${what}: example ${at} has ${lengthOf(values)} values, expected ${length}`);
    }
    // What several examples share came once.
    const sent = [...new Set(rows)].reduce((sum, values) => sum + lengthOf(values), 0);
    filled.add(what, rows.length * length - sent);
    feeds[name] = await tensorOf(what, element, [rows.length, ...row], rows.flat());
  }
  return feeds;
}

const lengthOf = (values: readonly JsonValue[] | Numbers) =>
  values instanceof Numbers ? values.array.count : values.length;

/** Of a row with so many values. */
function rowDims(what: string, dims: readonly number[] | undefined, length: number): number[] {
  if (dims === undefined) return [length];
  if (dims.length === 0) throw invalid(`${what} has no rows in this model, which examples are`);
  const row = dims.slice(1);
  const free = row.filter((dim) => dim === -1).length;
  if (free === 0) return row;
  if (free > 1) throw invalid(`${what} has several free dimensions in this model, which an example does not say`);
  const rest = row.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  return row.map((dim) => (dim === -1 ? Math.floor(length / rest) : dim));
}
