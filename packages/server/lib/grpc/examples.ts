// Classify, Regress and MultiInference of tensorflow.serving.PredictionService: models that are asked with tf.Example.

import { invalid } from '../core/errors.js';
import type { Engine } from '../engine/engine.js';
import type { Servable } from '../engine/servable.js';
import type { JsonValue } from '../json/parse.js';
import { type Example, exampleFeeds } from '../tfs/examples.js';
import { defaultSignature, requireSignature, resolve } from '../tfs/reference.js';
import { classesOf, classifyOutputs, regressOutput, valuesOf } from '../tfs/results.js';
import { text } from '../v2/binary.js';
import { type Long, toExact } from './longs.js';
import { referenceOf, specOf } from './reference.js';
import type { Call, Message } from './service.js';

const methods = {
  'tensorflow/serving/classify': {
    result: 'classification_result',
    outputs: (servable: Servable) => Object.values(classifyOutputs(servable)),
    read: (servable: Servable, outputs: Message, examples: number) => ({
      classifications: classesOf(servable, outputs, examples).map((classes) => ({ classes })),
    }),
  },
  'tensorflow/serving/regress': {
    result: 'regression_result',
    outputs: (servable: Servable) => [regressOutput(servable)],
    read: (servable: Servable, outputs: Message, examples: number) => ({
      regressions: valuesOf(servable, outputs, examples).map((value) => ({ value })),
    }),
  },
} as const;

type Method = keyof typeof methods;

export async function inferExamples(engine: Engine, method: Method, request: Message, call: Call): Promise<object> {
  const { model_spec: spec } = request;
  requireSignature(spec?.signature_name);
  const { servable, results } = await run(engine, spec, [method], request.input, call);
  return { result: results[0], model_spec: specOf(servable.name, servable.version, defaultSignature) };
}

/** All tasks are of one version, which runs once. */
export async function multiInference(engine: Engine, { tasks, input }: Message, call: Call): Promise<object> {
  if (tasks.length === 0) throw invalid('MultiInferenceRequest has no tasks');
  const asked = (tasks as Message[]).map(({ model_spec: spec, method_name: method }) => {
    requireSignature(spec?.signature_name);
    if (!Object.hasOwn(methods, method)) throw invalid(`Unsupported signature method_name: ${method.slice(0, 100)}`);
    return { reference: referenceOf(spec), method: method as Method };
  });
  const [first] = asked;
  for (const { reference, method } of asked) {
    const isOther = (['name', 'version', 'label'] as const).some((key) => reference[key] !== first!.reference[key]);
    if (isOther) throw invalid('All ModelSpecs in a MultiInferenceRequest must access the same model name.');
    if (asked.filter((one) => one.method === method).length > 1) {
      throw invalid(`Duplicate evaluation of signature: ${defaultSignature} by ${method}`);
    }
  }
  const names = asked.map(({ method }) => method);
  const { servable, results } = await run(engine, tasks[0].model_spec, names, input, call);
  const spec = specOf(servable.name, servable.version, defaultSignature);
  return { results: names.map((method, at) => ({ model_spec: spec, [methods[method].result]: results[at] })) };
}

async function run(engine: Engine, spec: Message, wanted: readonly Method[], input: Message, call: Call) {
  const examples = examplesOf(input);
  return resolve(engine, referenceOf(spec)).use(async (servable) => {
    const outputs = wanted.flatMap((method) => methods[method].outputs(servable)).filter((name) => name !== undefined);
    const feeds = await exampleFeeds(servable.inputs, examples);
    const left = call.deadlineMicros();
    const found = await servable.run(feeds, {
      signal: call.signal,
      ...(left === undefined ? {} : { deadlineMicros: left }),
      outputs: [...new Set(outputs)],
    });
    return { servable, results: wanted.map((method) => methods[method].read(servable, found, examples.length)) };
  });
}

/** Errors: INVALID_ARGUMENT. */
function examplesOf(input: Message): Example[] {
  const list = input?.[input.kind as string];
  if (!list?.examples?.length) throw invalid('Input is empty.');
  const shared = list.context ? exampleOf(list.context) : {};
  return (list.examples as Message[]).map((one) => ({ ...shared, ...exampleOf(one) }));
}

function exampleOf({ features }: Message): Example {
  return Object.fromEntries(
    Object.entries((features?.feature ?? {}) as Record<string, Message>).map(([name, feature]) => {
      const values = (feature[feature.kind]?.value ?? []) as ArrayLike<Message>;
      return [name, Array.from(values, (value) => element(`Feature '${name.slice(0, 100)}'`, feature.kind, value))];
    }),
  );
}

function element(what: string, kind: string, value: Message): JsonValue {
  if (kind === 'bytes_list') return text(what, value as Uint8Array);
  return kind === 'int64_list' ? toExact(value as Long) : (value as number);
}
