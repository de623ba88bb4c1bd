// Triton's generate: an inference whose inputs and outputs are plain values by name, as clients of language models send them; as JSON, or as
// an event of a stream.
//
// The rule: what the model has no input for is a parameter, and what is no value of its input is refused.

import { type Outputs, type Tensor, TensorlaneError, type ValueInfo } from 'tensorlane';
import { byType } from '../core/dtypes.js';
import { invalid, told } from '../core/errors.js';
import type { Engine, ModelReference } from '../engine/engine.js';
import type { Servable } from '../engine/servable.js';
import { deadlineOf } from '../http/deadline.js';
import { ending } from '../http/events.js';
import { type Answer, type Exchange, textAnswer } from '../http/exchange.js';
import { type JsonObject, type JsonValue, Numbers } from '../json/parse.js';
import { tensorOf } from '../json/tensor.js';
import { objectAt, objectOf, runOptions, wholeAt } from './parameters.js';
import { elementsText, servedTensor } from './reply.js';

/** Of a model that answers once, to a request as this. */
export async function generate(engine: Engine, exchange: Exchange, model: ModelReference): Promise<Answer> {
  const { text, answers } = await begin(engine, exchange, model);
  const first = await answers.next();
  const second = first.done === true ? first : await answers.next();
  if (second.done !== true) await answers.return?.();
  if (first.done !== true && second.done === true) return textAnswer(200, await text(first.value));
  throw invalid(
    'generate expects model to produce exactly 1 response, use generate stream for model that generates various number of responses',
  );
}

/** An event for each answer; what fails before the first is told as JSON, and what fails later as an event. */
export async function generateStream(engine: Engine, exchange: Exchange, model: ModelReference): Promise<Answer> {
  const { text, answers } = await begin(engine, exchange, model);
  const first = await answers.next();
  const events = async function* () {
    try {
      for (let next = first; next.done !== true; next = await answers.next()) yield eventOf(await text(next.value));
    } catch (error) {
      yield eventOf(JSON.stringify({ error: told(error).message }));
    }
  };
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' };
  return { status: 200, headers, body: '', events: ending(events(), () => void answers.return?.()) };
}

const eventOf = (text: string) => `data: ${text}\n\n`;

interface Generation {
  /** An answer as JSON. */
  text(outputs: Outputs): Promise<string>;
  /** The model is not unloaded before their end. */
  readonly answers: AsyncIterator<Outputs>;
}

async function begin(engine: Engine, exchange: Exchange, model: ModelReference): Promise<Generation> {
  // A model that is not there needs no body.
  engine.resolve(model);
  const bytes = await exchange.body();
  const servable = engine.resolve(model);
  const release = servable.hold();
  try {
    const body = await objectOf(bytes, valuesIn(servable));
    const { id, feeds, parameters } = await readRequest(servable, body);
    const answers = servable.stream(feeds, {
      signal: exchange.signal,
      ...runOptions(servable, parameters),
      ...deadlineOf(exchange, wholeAt(parameters, 'deadline')),
    });
    return { text: (outputs) => answerText(servable, id, outputs), answers: ending(answers, release) };
  } catch (error) {
    release();
    throw error;
  }
}

/** Where values of inputs are: what else these names mean is no long array. */
function valuesIn({ inputs }: Servable): ReadonlySet<string> {
  const names = new Set(inputs.map(({ name }) => name));
  for (const own of ['id', 'parameters']) names.delete(own);
  return names;
}

async function readRequest(servable: Servable, body: JsonObject) {
  const { id, parameters: _, ...given } = body;
  if (id !== undefined && typeof id !== 'string') throw invalid("'id' must be a string");
  const said = { ...objectAt(body, 'parameters', 'parameters'), ...given };
  const isInput = (name: string) => servable.inputs.some((input) => input.name === name);
  const entries = Object.entries(said);
  const parameters = Object.fromEntries(entries.filter(([name]) => !isInput(name))) as JsonObject;
  const feeds: Record<string, Tensor> = {};
  for (const [name, value] of entries) {
    const info = servable.inputs.find((input) => input.name === name);
    if (info !== undefined) feeds[name] = await tensorOfValue(info, value);
  }
  return { id, feeds, parameters };
}

/** A value is one element, a list as many; dimensions before it are 1. Errors: INVALID_ARGUMENT. */
async function tensorOfValue({ name, type, dims }: ValueInfo, value: JsonValue): Promise<Tensor> {
  const element = byType.get(type);
  const what = `input '${name}'`;
  if (element === undefined)
    throw new TensorlaneError('ERR_NOT_SUPPORTED', `${what} is of a type that this protocol has not`);
  const own: number[] = [];
  let inner = value;
  for (; Array.isArray(inner); inner = inner[0] ?? null) own.push(inner.length);
  if (inner instanceof Numbers) own.push(...inner.array.dims);
  const before = Math.max(0, (dims?.length ?? own.length) - own.length);
  return tensorOf(what, element, [...new Array<number>(before).fill(1), ...own], value);
}

/** One element is a value, several are a list. */
async function answerText(servable: Servable, id: string | undefined, outputs: Outputs): Promise<string> {
  const parts: string[] = [];
  for (const { name } of servable.outputs) {
    const tensor = servedTensor(name, outputs[name]);
    const elements = await elementsText(tensor);
    const text = typeof elements === 'string' ? elements : Buffer.from(elements).toString('latin1');
    parts.push(`${JSON.stringify(name)}:${tensor.data.length === 1 ? text : `[${text}]`}`);
  }
  const start = [
    ...(id === undefined || id === '' ? [] : [`"id":${JSON.stringify(id)}`]),
    `"model_name":${JSON.stringify(servable.name)}`,
    `"model_version":"${servable.version}"`,
  ];
  return `{${[...start, ...parts].join(',')}}`;
}
