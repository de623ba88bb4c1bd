// TensorFlow Serving's protocol over REST: which path and verb is answered by what.
//
// The rule: a failure is { "error": message } with the status that the one table of errors has for it, and what is not found is told in
// TensorFlow Serving's own words, which clients look for.

import { invalid, statuses, told } from '../core/errors.js';
import { type Place, placeOf } from '../core/routes.js';
import type { Engine, ModelReference } from '../engine/engine.js';
import { deadlineOf } from '../http/deadline.js';
import { type Answer, type Exchange, type Protocol, retryAfter, textAnswer } from '../http/exchange.js';
import { isObject } from '../json/parse.js';
import { PrettyWriter } from '../json/pretty.js';
import { readJson } from '../json/read.js';
import { tensorflowCounts } from './counts.js';
import { inferExamples } from './infer-examples.js';
import { modelMetadata, modelStatus } from './models.js';
import { requireSignature, resolve } from './reference.js';
import { columnFeeds, columnsText, rowFeeds, rowsText } from './tensors.js';

const namesOfTensors: ReadonlySet<string> = new Set(['instances', 'inputs']);

/** What TensorFlow Serving's metrics call them. */
const apis = { predict: 'Predict', classify: 'Classify', regress: 'Regress' } as const;

export function tensorflowServing(engine: Engine): Protocol {
  return (exchange) => (/^\/v1(\/|$)/i.test(exchange.path) ? answer(engine, exchange) : undefined);
}

async function answer(engine: Engine, exchange: Exchange): Promise<Answer> {
  try {
    return await route(engine, exchange);
  } catch (error) {
    const { status, message, http, retryAfterMicros } = told(error);
    const code = http ?? statuses[status].tfs;
    const writer = new PrettyWriter();
    writer.startObject();
    writer.key('error');
    writer.value(JSON.stringify(message));
    writer.endObject();
    return textAnswer(code, writer.parts, retryAfter(retryAfterMicros, code));
  }
}

async function route(engine: Engine, exchange: Exchange): Promise<Answer> {
  const { path } = exchange;
  const method = exchange.method === 'HEAD' ? 'GET' : exchange.method;
  const place = placeOf(path);
  const isThere = place?.routes.some((one) => one.method === method) === true;
  if (place === undefined || !isThere || !/^\d{1,19}$/.test(place.free.version ?? '0')) {
    throw invalid(`Malformed request: ${exchange.method} ${path.slice(0, 200)}`);
  }
  const model = referenceOf(place);
  if (method === 'GET') {
    return textAnswer(
      200,
      place.path.endsWith('/metadata') ? modelMetadata(engine, model) : modelStatus(engine, model),
    );
  }
  const verb = place.path.split(':')[1] as keyof typeof apis;
  return tensorflowCounts(engine).count(model.name, apis[verb], 'REST', () =>
    verb === 'predict' ? predict(engine, exchange, model) : inferExamples(verb, engine, exchange, model),
  );
}

function referenceOf({ free: { model, version, label } }: Place): ModelReference {
  return {
    name: decoded(model!),
    ...(version === undefined ? {} : { version: Number(version) }),
    ...(label === undefined ? {} : { label: decoded(label) }),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid('the path has a broken percent-encoding');
  }
}

async function predict(engine: Engine, exchange: Exchange, model: ModelReference): Promise<Answer> {
  // A model that is not there needs no body.
  resolve(engine, model);
  const body = await readJson(await exchange.body(), namesOfTensors);
  if (!isObject(body)) throw invalid('the request must be a JSON object');
  const { signature_name: signature, instances, inputs } = body;
  if (signature !== undefined && typeof signature !== 'string')
    throw invalid("'signature_name' key must be a string value");
  requireSignature(signature);
  if ((instances === undefined) === (inputs === undefined)) {
    throw invalid(
      instances === undefined
        ? "Missing 'inputs' or 'instances' key"
        : "Not formatted correctly: only one of 'inputs' and 'instances' may exist",
    );
  }
  return resolve(engine, model).use(async (servable) => {
    const names = servable.outputs.map(({ name }) => name);
    const isRows = instances !== undefined;
    const feeds = await (isRows ? rowFeeds(servable.inputs, instances) : columnFeeds(servable.inputs, inputs!));
    const outputs = await servable.run(feeds, { signal: exchange.signal, ...deadlineOf(exchange) });
    return textAnswer(200, await (isRows ? rowsText(names, outputs) : columnsText(names, outputs)));
  });
}
