// A backend test given to a runtime.

import type { Device, Model, Tensor } from 'tensorlane';
import { type Case, type Files, filesOf } from './cases.js';
import { readModelFile, withFreeBatch } from './model-file.js';
import type { Batched, Outcome, Result } from './outcome.js';
import { difference, readValue, reversed, stacked, type Tolerance, type Value } from './values.js';

type Named = Record<string, Value>;
type Run = (feeds: Named) => Promise<Named>;

interface Loaded {
  readonly run: Run;
  close(): Promise<void>;
}

/** The same computation in batches of another size: rounding, and no more. */
const rounding: Tolerance = { rtol: 1e-4, atol: 1e-5 };

interface Parts {
  readonly files: Files;
  readonly sets: readonly { readonly feeds: Named; readonly expected: Named }[];
}

function readParts(test: Case): Parts {
  const files = filesOf(test);
  const { inputs, outputs } = readModelFile(files.model);
  const named = (values: readonly Uint8Array[], of: typeof inputs) =>
    Object.fromEntries(values.map((bytes, i) => [of[i]!.name, readValue(bytes, of[i]!.kind)]));
  return {
    files,
    sets: files.sets.map((set) => ({ feeds: named(set.inputs, inputs), expected: named(set.outputs, outputs) })),
  };
}

/** Runs it as it is, and compares with what is expected. */
async function judge(
  test: Case,
  load: (model: Uint8Array) => Promise<Loaded>,
  more?: (parts: Parts) => Promise<Pick<Outcome, 'wrong' | 'batched'>>,
): Promise<Outcome> {
  const { name } = test;
  let parts: Parts;
  try {
    parts = readParts(test);
  } catch (reason) {
    return { name, result: 'unreadable', detail: String(reason) };
  }
  let loaded: Loaded;
  try {
    loaded = await load(parts.files.model);
  } catch (reason) {
    return { name, result: 'refused', detail: (reason as Error).message };
  }
  let result: Result = 'pass';
  let detail: string | undefined;
  try {
    for (const { feeds, expected } of parts.sets) {
      const given = await loaded.run(feeds);
      for (const [output, value] of Object.entries(expected)) {
        const found = difference(given[output], value, parts.files.tolerance);
        if (found === undefined) continue;
        result = 'differ';
        detail = `${output}: ${found}`;
      }
    }
  } catch (reason) {
    result = 'failed';
    detail = (reason as Error).message;
  } finally {
    await loaded.close();
  }
  const shown = detail === undefined ? {} : { detail };
  if (result === 'failed' || more === undefined) return { name, result, ...shown };
  const beside = await more(parts);
  return { name, result, ...shown, ...beside };
}

/** onnxruntime-node, or what stands in for it. */
export async function onOnnxRuntime(
  name: 'onnxruntime-node' | '@tensorlane/onnxruntime',
): Promise<(test: Case) => Promise<Outcome>> {
  const ort = (await import(name)) as typeof import('onnxruntime-node');
  ort.env.logLevel = 'fatal';
  return (test) =>
    judge(test, async (model) => {
      const session = await ort.InferenceSession.create(model, { logSeverityLevel: 4 });
      return {
        async run(feeds) {
          const given = Object.entries(feeds).map(([name, value]) => [name, asGiven(value, ort.Tensor)]);
          return (await session.run(Object.fromEntries(given))) as unknown as Named;
        },
        close: () => session.release(),
      };
    });
}

/** A value as callers of onnxruntime-node have it; what its tensors cannot be made of, as a plain object. */
function asGiven(value: Value, Tensor: typeof import('onnxruntime-node').Tensor): unknown {
  if (Array.isArray(value)) return value.map((part: Value) => asGiven(part, Tensor));
  if (!isTensor(value)) return value;
  const { type, data, dims } = value;
  try {
    return new Tensor(type as 'float32', data as Float32Array, dims);
  } catch {
    return { type, data, dims, location: 'cpu' };
  }
}

export function onTensorlane(device: Device): (test: Case) => Promise<Outcome> {
  return (test) =>
    judge(
      test,
      async (model) => {
        const loaded = await device.loadModel(model);
        return { run: (feeds) => loaded.run(feeds as never) as Promise<Named>, close: () => loaded.dispose() };
      },
      async ({ files, sets }) => {
        const wrong = await together(
          device,
          files.model,
          sets.map(({ feeds }) => feeds),
        );
        const free = withFreeBatch(files.model);
        const batched =
          free &&
          (await together(
            device,
            free,
            sets.map(({ feeds }) => feeds),
            true,
          ).catch(() => undefined));
        return {
          ...(wrong?.wrong === undefined ? {} : { wrong: wrong.wrong }),
          ...(batched === undefined ? {} : { batched }),
        };
      },
    );
}

/** How many callers ask at once: more than there are lanes, so that some of them share a batch. */
const callers = 6;

/**
 * Callers at once, each with the test's inputs or with others of the same shapes, and what each gets beside what it gets of the same
 * model without batching. What gives something else each time (random operators) is not compared.
 */
async function together(
  device: Device,
  bytes: Uint8Array,
  sets: readonly Named[],
  stacks = false,
): Promise<Batched | undefined> {
  await using model = await device.loadModel(bytes);
  await using alone = await device.loadModel(bytes, { batching: false });
  let wrong: string | undefined;
  for (const feeds of sets) {
    const tensors = Object.values(feeds).every(isTensor);
    const other = tensors ? mapped(feeds, reversed) : feeds;
    const kinds = [feeds, other, ...(tensors && stacks && model.batching.enabled ? [mapped(feeds, twice)] : [])];
    const expected = await Promise.all(kinds.map((kind) => repeatable(alone, kind)));
    // Twice: what keeps rows apart may be known only when the first requests have run.
    for (let round = 0; round < 2; round++) {
      const given = await Promise.all(
        Array.from({ length: callers }, (_, caller) => outcomeOf(model, kinds[caller % kinds.length]!)),
      );
      given.forEach((answer, caller) => {
        const right = expected[caller % kinds.length];
        if (right !== undefined) wrong ??= unlike(answer, right);
      });
    }
  }
  const { batches, requests } = model.stats();
  const shared = requests.completed > batches.count ? requests.completed - batches.count : 0;
  return { enabled: model.batching.enabled, shared, ...(wrong === undefined ? {} : { wrong }) };
}

const isTensor = (value: Value): value is Tensor => (value as Tensor | undefined)?.dims !== undefined;

function mapped(feeds: Named, how: (value: Tensor) => Value): Named {
  return Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, how(value as Tensor)]));
}

const twice = (value: Tensor) => stacked(reversed(value), value);

type Answer = { readonly outputs: Named } | { readonly error: string };

async function outcomeOf(model: Model, feeds: Named): Promise<Answer> {
  try {
    return { outputs: (await model.run(feeds as never)) as Named };
  } catch (reason) {
    return { error: (reason as Error).message };
  }
}

/** What comes each time, as often as it is asked; undefined where that is not the same. */
async function repeatable(model: Model, feeds: Named): Promise<Answer | undefined> {
  const first = await outcomeOf(model, feeds);
  for (let again = 1; again < callers; again++) {
    if (unlike(await outcomeOf(model, feeds), first) !== undefined) return undefined;
  }
  return first;
}

function unlike(given: Answer, expected: Answer): string | undefined {
  if ('error' in expected) return 'error' in given ? undefined : `an answer where alone it is "${expected.error}"`;
  if ('error' in given) return `"${given.error}" where alone there is an answer`;
  for (const [name, value] of Object.entries(expected.outputs)) {
    const found = difference(given.outputs[name], value, rounding);
    if (found !== undefined) return `${name}: ${found}`;
  }
  return undefined;
}
