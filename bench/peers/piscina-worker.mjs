// What runs in each of piscina's threads: a session of one intra-op thread for each model file, made when it is first asked for.
// Plain JavaScript, so that no thread needs a loader. Also the demo's, through its own pool.

import ort from 'onnxruntime-node';
import { move, transferableSymbol, valueSymbol } from 'piscina';

const sessions = new Map();

function session(path) {
  const made =
    sessions.get(path) ??
    ort.InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
  sessions.set(path, made);
  return made;
}

/** Inputs by their place in the model where `inputs` is a list, by name where it is an object. Outputs are given up, not copied. */
export default async function run({ path, inputs }) {
  const model = await session(path);
  const named = Array.isArray(inputs) ? inputs.map((input, i) => [model.inputNames[i], input]) : Object.entries(inputs);
  const feeds = named.map(([name, { type, data, dims }]) => {
    // One copy out of the shared memory, as the addon takes tensors of memory of its own only.
    const own = data.buffer instanceof SharedArrayBuffer ? data.slice() : data;
    return [name, new ort.Tensor(type, own, dims)];
  });
  const outputs = Object.entries(await model.run(Object.fromEntries(feeds)));
  const answer = Object.fromEntries(outputs.map(([name, { type, data, dims }]) => [name, { type, data, dims }]));
  return move({
    [valueSymbol]: answer,
    [transferableSymbol]: Object.values(answer).map(({ data }) => data.buffer),
  });
}
