import type { ModelSpec } from '../load/model-worker.js';
import { models } from '../models.js';
import { median, ratios } from '../stats.js';
import type { Context, Suite } from '../suite.js';
import { Duel } from './duel.js';

/** A short run takes narrower layers, under the same name. */
const dense = (context: Context, whole: number): ModelSpec => {
  const width = context.rounds(whole, whole / 4);
  return { path: models.dense(width), input: 'x', dims: [1, width], requests: 1 };
};

const MODELS: Readonly<Record<string, (context: Context) => ModelSpec>> = {
  'dense 4x1536': (context) => dense(context, 1536),
  'dense 4x2048': (context) => dense(context, 2048),
  'OCR classifier': () => ({ path: models.classifier(), input: 'x', dims: [1, 3, 48, 192], requests: 1 }),
  'OCR recognition': () => ({ path: models.recognition(), input: 'x', dims: [1, 3, 48, 320], requests: 1 }),
};

/** What a lone caller pays for a library made for many: default options, one request at a time. */
export const latency: Suite = {
  name: 'latency',
  about: 'one caller, models of about 0.5 ms and more, against onnxruntime-node',
  figures: Object.keys(MODELS).map((name) => `${name} ratio`),
  async run(context) {
    const specs = Object.fromEntries(Object.entries(MODELS).map(([name, spec]) => [name, spec(context)]));
    await Duel.run(specs, async (duel) => {
      for (const name of Object.keys(specs)) {
        // Rounds of about a quarter of a second: short enough that a slow spell of the machine spans both sides.
        const [probe] = (
          await duel.alternate(1, (side) => side.call('latencies', { key: name, calls: context.rounds(20, 2) }))
        )['onnxruntime-node'];
        const calls = Math.max(context.rounds(10, 3), Math.round(context.rounds(250, 20) / median(probe ?? [])));
        const rounds = await duel.alternate(context.rounds(15, 1), (side) =>
          side.call('latencies', { key: name, calls }),
        );
        const ours = rounds.tensorlane.map(median);
        const theirs = rounds['onnxruntime-node'].map(median);
        context.add(`${name} ratio`, 'x', ratios(ours, theirs), {
          target: { is: '<=', value: 1.15 },
          remark: 'ratio of median latencies, in rounds of about a quarter of a second',
        });
        context.add(`${name} tensorlane`, 'ms', ours);
        context.add(`${name} onnxruntime-node`, 'ms', theirs);
      }
    });
  },
};
