// Random graphs of any operators: whatever one does with its rows, everybody gets what he gets alone, however many ask at once.
// TENSORLANE_FUZZ_SEED and TENSORLANE_FUZZ_GRAPHS make others, and more.

import { type Device, type Model, open, TensorlaneError, tensor } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emulated, testDevice } from '../support/device.js';
import { model as encode, type Graph, randomFloats } from '../support/onnx-builder.js';
import { features, RandomGraph } from './random-graphs.js';

const seed = Number(process.env.TENSORLANE_FUZZ_SEED ?? 1);
// What follows from a graph does not know of the device.
const graphs = Number(process.env.TENSORLANE_FUZZ_GRAPHS ?? (emulated ? 100 : 300));

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

type Row = Float32Array<ArrayBuffer>;
type Answer = { readonly dims: readonly number[]; readonly data: ArrayLike<number> } | undefined;

const size = features[0] * features[1];
const feed = (...rows: Row[]) => ({
  x: tensor(Float32Array.from(rows.flatMap((row) => [...row])), [rows.length, ...features]),
});

/** undefined where the model fails: for one, it cannot run with so many rows. */
async function answer(model: Model, ...rows: Row[]): Promise<Answer> {
  try {
    const { y } = await model.run(feed(...rows));
    return y as unknown as Answer;
  } catch (problem) {
    expect(problem, String(problem)).toBeInstanceOf(TensorlaneError);
    expect(['ERR_MODEL', 'ERR_SHAPE'], String(problem)).toContain((problem as TensorlaneError).code);
    return undefined;
  }
}

function isClose(given: Answer, expected: Answer): boolean {
  if (given === undefined || expected === undefined) return given === expected;
  if (given.dims.join() !== expected.dims.join()) return false;
  return Array.from(given.data).every((one, i) => {
    const other = expected.data[i]!;
    return (
      one === other ||
      (Number.isNaN(one) && Number.isNaN(other)) ||
      Math.abs(one - other) <= 1e-4 * (1 + Math.abs(other))
    );
  });
}

const callers: readonly Row[] = [1, 2, 3].map((n) => randomFloats(size, n * 7, n));

/** Whether they shared batches; undefined where ONNX Runtime does not take the graph. */
async function tried(graph: Graph, what: string): Promise<boolean | undefined> {
  const bytes = encode(graph);
  let alone: Model;
  try {
    alone = await device.loadModel(Uint8Array.from(bytes), { batching: false });
  } catch {
    return undefined;
  }
  await using _ = alone;
  const expected: Answer[] = [];
  for (const row of callers) expected.push(await answer(alone, row));
  const draws = drawsNumbers(graph);
  await using shared = await device.loadModel(Uint8Array.from(bytes));
  // What is never batched runs as `alone` does; and of a few graphs ONNX Runtime gives what happens to be in its memory.
  if (!shared.batching.enabled) return false;
  for (let round = 0; round < 2; round++) {
    const given = await Promise.all(callers.map((row) => answer(shared, row)));
    for (const [caller, one] of given.entries()) {
      if (!draws) expect(isClose(one, expected[caller]), `${what}: caller ${caller}, round ${round}`).toBe(true);
    }
    await learn(shared);
  }
  const { enabled, finding } = shared.batching;
  const holds =
    enabled &&
    (finding?.verdict === 'independent' ||
      Object.values(finding?.shapes ?? {}).some(({ verdict }) => verdict === 'independent'));
  if (!holds || draws) return holds;
  // All of them in one, beside whoever may come, each as alone.
  const nobody = new Float32Array(size);
  for (const stranger of [nobody, nobody.map(() => 1e30), nobody.map(() => Number.NaN), callers[0]!]) {
    const others = [stranger, ...callers, stranger];
    const together = await answer(alone, ...others);
    if (together === undefined) continue; // then it runs apart
    for (const [caller, one] of expected.entries()) {
      const cut = rowOf(together, caller + 1, others.length);
      expect(
        isClose(cut, one),
        `${what}: row ${caller + 1} of ${others.length}, ${shared.batching.reason ?? 'by its graph'}`,
      ).toBe(true);
    }
  }
  return true;
}

function rowOf({ dims, data }: NonNullable<Answer>, row: number, rows: number): Answer {
  if (dims[0] !== rows) return undefined;
  const length = data.length / rows;
  return { dims: [1, ...dims.slice(1)], data: Array.from(data).slice(row * length, (row + 1) * length) };
}

/** What draws random numbers, may give others each time. */
function drawsNumbers({ nodes, initializers }: Graph): boolean {
  const isOn = (name: string) => initializers!.some((one) => one.name === name && (one.data as Uint8Array)[0] === 1);
  return nodes.some(({ op, inputs }) => op === 'Dropout' && isOn(inputs[2]!));
}

/** Asks until it is known of the shape whether it may share batches. */
async function learn(loaded: Model): Promise<void> {
  for (let turn = 0; turn < 200 && loaded.batching.enabled; turn++) {
    const { verdict, shapes } = loaded.batching.finding!;
    if (verdict === 'independent' || Object.keys(shapes).length > 0) return;
    await answer(loaded, callers[0]!);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

test('everybody gets what he gets alone', async () => {
  const came = { shared: 0, alone: 0, refused: 0 };
  for (let i = 0; i < graphs; i++) {
    const random = new RandomGraph(seed * 1_000_003 + i);
    const graph = random.make(1 + (i % 5));
    const outcome = await tried(graph, `graph ${i} of seed ${seed} (${random.steps.join(', ')})`);
    came[outcome === undefined ? 'refused' : outcome ? 'shared' : 'alone']++;
  }
  console.log(`seed ${seed}: ${JSON.stringify(came)}`);
  // Of both kinds there are many, or nothing would have been shown.
  expect(came.shared).toBeGreaterThan(graphs / 20);
  expect(came.alone).toBeGreaterThan(graphs / 20);
});
