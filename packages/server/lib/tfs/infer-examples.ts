// classify and regress over REST: examples in, classes with scores or values out.

import { printNumbers } from 'tensorlane/json';
import { invalid } from '../core/errors.js';
import type { Engine, ModelReference } from '../engine/engine.js';
import { deadlineOf } from '../http/deadline.js';
import { type Answer, type Exchange, textAnswer } from '../http/exchange.js';
import { isObject } from '../json/parse.js';
import { PrettyWriter } from '../json/pretty.js';
import { readJson } from '../json/read.js';
import { exampleFeeds, examplesIn, featuresIn } from './examples.js';
import { requireSignature, resolve } from './reference.js';
import { classesOf, classifyOutputs, regressOutput, type ScoredClass, valuesOf } from './results.js';

type Text = readonly (string | Uint8Array)[];

export async function inferExamples(
  what: 'classify' | 'regress',
  engine: Engine,
  exchange: Exchange,
  model: ModelReference,
): Promise<Answer> {
  // A model that is not there needs no body.
  resolve(engine, model);
  const bytes = await exchange.body();
  return resolve(engine, model).use(async (servable) => {
    const body = await readJson(bytes, featuresIn(servable.inputs));
    if (!isObject(body)) throw invalid('the request must be a JSON object');
    const { signature_name: signature } = body;
    if (signature !== undefined && typeof signature !== 'string') {
      throw invalid("'signature_name' key must be a string value");
    }
    requireSignature(signature);
    const examples = examplesIn(body);
    const names = what === 'classify' ? Object.values(classifyOutputs(servable)) : [regressOutput(servable)];
    const feeds = await exampleFeeds(servable.inputs, examples);
    const outputs = await servable.run(feeds, {
      signal: exchange.signal,
      ...deadlineOf(exchange),
      outputs: names.filter((name) => name !== undefined),
    });
    const text =
      what === 'classify'
        ? await classesText(classesOf(servable, outputs, examples.length))
        : await valuesText(valuesOf(servable, outputs, examples.length));
    return textAnswer(200, text);
  });
}

async function classesText(results: readonly (readonly ScoredClass[])[]): Promise<Text> {
  const scores = (await decimals(results.flat().map(({ score }) => score))).values();
  return resultsText((writer) => {
    for (const classes of results) {
      writer.startArray();
      for (const { label } of classes) {
        writer.startArray();
        writer.inLine = true;
        writer.value(JSON.stringify(label));
        writer.value(scores.next().value!);
        writer.endArray();
        writer.inLine = false;
      }
      writer.endArray();
    }
  });
}

async function valuesText(values: readonly number[]): Promise<Text> {
  const texts = await decimals(values);
  return resultsText((writer) => {
    writer.inLine = true;
    for (const text of texts) writer.value(text);
    writer.inLine = false;
  });
}

function resultsText(write: (writer: PrettyWriter) => void): Text {
  const writer = new PrettyWriter();
  writer.startObject();
  writer.key('results');
  writer.startArray();
  write(writer);
  writer.endArray();
  writer.endObject();
  return writer.parts;
}

/** As every float of this protocol. */
async function decimals(values: readonly number[]): Promise<string[]> {
  if (values.length === 0) return [];
  const floats = { type: 'float32', data: Float32Array.from(values), dims: [values.length] } as const;
  const { text } = await printNumbers(floats, { style: 'tensorflow' });
  return (typeof text === 'string' ? text : Buffer.from(text).toString('latin1')).split(',');
}
