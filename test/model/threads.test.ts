// The threads that models share by default, and those of its own that a model has by `threads`.

import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, getPriority } from 'node:os';
import { type LoadModelOptions, open, tensor } from 'tensorlane';
import { expect, it } from 'vitest';
import { testDevice } from '../support/device.js';
import * as models from '../support/onnx-builder.js';
import { runNode } from '../support/processes.js';

const cores = availableParallelism();
const dense = models.dense({ layers: 3, width: 512 });
const x = tensor(
  Float32Array.from({ length: 4 * 512 }, (_, i) => Math.sin(i)),
  [4, 512],
);

it('gives the same results to the last bit alone, beside others, and on as many threads of its own', async () => {
  await using device = await open({ device: testDevice });
  await using shared = await device.loadModel(dense, { batching: false, concurrency: 2 * cores });
  await using own = await device.loadModel(dense, { batching: false, threads: cores });
  const expected = await own.run({ x });
  expect(await shared.run({ x })).toEqual(expected);
  const all = await Promise.all(Array.from({ length: 50 }, () => shared.run({ x })));
  for (const one of all) expect(one).toEqual(expected);
});

it('burns nothing once the last run has ended', async () => {
  await using device = await open({ device: testDevice });
  await using model = await device.loadModel(dense, { batching: false });
  for (let i = 0; i < 50; i++) await model.run({ x });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = process.cpuUsage();
  const since = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { user, system } = process.cpuUsage(before);
  // One thread that spins would take all of a core's time.
  expect((user + system) / 1000 / (performance.now() - since)).toBeLessThan(0.5);
});

it.each([
  ['before', 'await genuine(); await ours();'],
  ['after', 'await ours(); await genuine(); await ours();'],
])('works where onnxruntime-node made its environment %s ours, and the process ends', async (_, order) => {
  const bytes = Buffer.from(models.square({ features: 2 })).toString('base64');
  const script = `
    import { InferenceSession, Tensor } from 'onnxruntime-node';
    import { open, tensor } from 'tensorlane';
    const bytes = Buffer.from('${bytes}', 'base64');
    const genuine = async () => {
      const session = await InferenceSession.create(bytes);
      const { y } = await session.run({ x: new Tensor('float32', [2, 3], [1, 2]) });
      console.log('theirs', ...y.data);
    };
    const ours = async () => {
      const device = await open(${JSON.stringify(testDevice)});
      const model = await device.loadModel(bytes);
      const { y } = await model.run({ x: tensor([[2, 3]]) });
      console.log('ours', ...y.data);
      await device.dispose();
    };
    ${order}`;
  const { code, stdout, stderr } = await runNode(['--input-type=module', '-e', script]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toContain('theirs 4 9\n');
  expect(stdout).toContain('ours 4 9\n');
});

/** How far ONNX Runtime's threads stand back, by the system's number of each. */
function standing(): Map<string, number> {
  const threads = new Map<string, number>();
  for (const id of readdirSync('/proc/self/task')) {
    const stat = readFileSync(`/proc/self/task/${id}/stat`, 'utf8');
    const [, name, rest] = /\((.*)\) (.*)/.exec(stat)!;
    if (name === 'lane-onnx') threads.set(id, Number(rest!.split(' ')[16]));
  }
  return threads;
}

// Node's own threads may have been told to stand back, by nice: then all do.
it.skipIf(process.platform !== 'linux' || cores < 2 || getPriority() > 0)(
  'has the threads that branches run on stand back as far as is said, and else not at all: the run is theirs',
  async () => {
    const branches = { executionMode: 'parallel', interOpNumThreads: 2 } as const;
    const added = async (niceness: number | undefined, options: LoadModelOptions) => {
      await using device = await open({ device: 'cpu', niceness });
      const before = standing();
      await using model = await device.loadModel(dense, { batching: false, ...options });
      await model.run({ x });
      return [...standing()].filter(([id]) => !before.has(id)).map(([, niceness]) => niceness);
    };
    // Whatever is made first makes those that are shared, too.
    await added(undefined, {});
    expect(new Set(await added(undefined, { session: branches }))).toEqual(new Set([0]));
    expect(new Set(await added(undefined, { threads: 2 }))).toEqual(new Set([10]));
    expect(new Set(await added(7, { session: branches }))).toEqual(new Set([7]));
  },
);
