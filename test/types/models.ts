// What the compiler knows of models: the types that loadModel<...> was told, and what is usable without. Each @ts-expect-error is a
// wrong program; one that compiles is an error of its own.

import * as ort from 'onnxruntime-common';
import {
  type Feeds,
  Model,
  type ModelTypes,
  type Outputs,
  open,
  type RunOptions,
  type Tensor,
  tensor,
} from 'tensorlane';
import { collectMetrics } from 'tensorlane/metrics';
import { type Equal, expectTrue } from './equal.js';

interface Classifier {
  inputs: { x: 'float32'; ids: 'int64'; mask?: 'bool' };
  outputs: { y: 'float32'; label: 'string'; scores: readonly ReadonlyMap<bigint, number>[] };
}

const device = await open();
const x = tensor(new Float32Array(4), [1, 4]);
const ids = tensor(new BigInt64Array(1), [1]);

// ------------------------------------------------------------------------------------------------------------------- typed

const typed = await device.loadModel<Classifier>('model.onnx', {
  name: undefined,
  batching: undefined,
  warmup: undefined,
});
const out = await typed.run({ x, ids });
expectTrue<Equal<typeof out.y, Tensor<'float32'>>>();
expectTrue<Equal<typeof out.y.data, Float32Array>>();
expectTrue<Equal<typeof out.label.data, string[]>>();
const first: number = out.scores[0]!.get(1n)!;
const sum: number = out.y.data.reduce((a, b) => a + b) + first;

await typed.run({ x, ids, mask: { type: 'bool', data: new Uint8Array(1), dims: [1] } });
await typed.run({ x: await device.put(x), ids });
await typed.run({ x: new ort.Tensor('float32', new Float32Array(4), [1, 4]), ids: new ort.Tensor('int64', [1n], [1]) });
// @ts-expect-error: an input is missing
await typed.run({ x });
// @ts-expect-error: there is no such input
await typed.run({ x, ids, z: x });
// @ts-expect-error: of another type
await typed.run({ x: ids, ids });
// @ts-expect-error: the elements are of another type
await typed.run({ x: { type: 'float32', data: new Float64Array(4), dims: [1, 4] }, ids });
// @ts-expect-error: there is no such output
out.z;

const some = await typed.run({ x, ids }, { outputs: ['y'], timeoutMicros: 1000, signal: undefined });
expectTrue<Equal<typeof some.y, Tensor<'float32'>>>();
// @ts-expect-error: it was not asked for
some.label;
// @ts-expect-error: there is no such output
await typed.run({ x, ids }, { outputs: ['z'] });

const kept = await typed.run({ x, ids }, { outputs: ['y'], resident: true });
await kept.y.dispose();
const back: Tensor<'float32'> = await kept.y.get();

async function later(options: RunOptions<'y' | 'label'>) {
  const { y } = await typed.run({ x, ids }, options);
  // @ts-expect-error: the options may not ask for it
  y.data;
  return y?.data;
}

// @ts-expect-error: there is no such element type
await device.loadModel<{ inputs: { x: 'flaot32' }; outputs: { y: 'float32' } }>('model.onnx');

interface Recurrent {
  inputs: { x: 'float32'; state: 'float32' };
  outputs: { y: 'float32'; next: 'float32' };
}
const recurrent = await device.loadModel<Recurrent>('model.onnx');
await using sequence = recurrent.sequence({ states: { state: 'next' } });
const step = await sequence.run({ x });
expectTrue<Equal<typeof step.y, Tensor<'float32'>>>();
// @ts-expect-error: it is state, which the sequence feeds
await sequence.run({ x, state: x });
// @ts-expect-error: and no output of it
step.next;
// @ts-expect-error: there is no such output
recurrent.sequence({ states: { state: 'nxt' } });
let carried = x;
for (let i = 0; i < 2; i++) carried = (await recurrent.run({ x, state: carried })).next;

// ----------------------------------------------------------------------------------------------------------------- untyped

const untyped: Model = await device.loadModel(new URL('file:///model.onnx'));
const outputs: Outputs = await untyped.run({ x, ids });
const label: Tensor | undefined = outputs.label;
await untyped.run({ 'any name': [x, null, new Map([[1n, 0.5]])] });
const anything: ort.Tensor = new ort.Tensor('float32', new Float32Array(4), [1, 4]);
await untyped.run({ x: anything });
// @ts-expect-error: no tensor
await untyped.run({ x: new Float32Array(4) });
// @ts-expect-error: no option
await untyped.run({ x }, { outptus: ['y'] });
// Runs that feed on one another.
let state: Tensor = x;
for (let i = 0; i < 2; i++) {
  const next = await untyped.run({ state });
  state = next.state!;
}

// A model of known types stands in for any.
const names = (model: Model): string[] => model.outputs.map(({ name }) => name);
names(typed);
names(untyped);
const feeds: Feeds<Classifier> = { x, ids };
const anyFeeds: Feeds = feeds;
collectMetrics({ registers: [], prefix: undefined, labels: undefined }).add(typed);
function generic<T extends ModelTypes>(model: Model<T>): string {
  return model.name;
}
generic(typed);
const thing: unknown = untyped;
const nameOfIt: string = thing instanceof Model ? thing.name : '';

// --------------------------------------------------------------------------------------------------------------- internals

// @ts-expect-error: the library's own
untyped.warmUp;
// @ts-expect-error: the library's own
untyped.runInTurn;
// @ts-expect-error: the library's own
(await device.put(x)).use;
// @ts-expect-error: models are made by loadModel
new Model();

export { anyFeeds, back, label, later, nameOfIt, sum };
