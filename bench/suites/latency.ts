import type { ModelSpec } from '../load/model-worker.js';
import { models } from '../models.js';
import { median, ratios } from '../stats.js';
import type { Suite } from '../suite.js';
import { Duel } from './duel.js';

const MODELS: Readonly<Record<string, () => ModelSpec>> = {
  'dense 4x1536': () => ({ path: models.dense(1536), input: 'x', dims: [1, 1536], requests: 1 }),
  'dense 4x2048': () => ({ path: models.dense(2048), input: 'x', dims: [1, 2048], requests: 1 }),
  'OCR classifier': () => ({ path: models.classifier(), input: 'x', dims: [1, 3, 48, 192], requests: 1 }),
  'OCR recognition': () => ({ path: models.recognition(), input: 'x', dims: [1, 3, 48, 320], requests: 1 }),
};

/** What a lone caller pays for a library made for many: default options, one request at a time. */
export const latency: Suite = {
  name: 'latency',
  about: 'one caller, models of about 0.5 ms and more, against onnxruntime-node',
  figures: Object.keys(MODELS).map((name) => `${name} ratio`),
  async run(context) {
    const specs = Object.fromEntries(Object.entries(MODELS).map(([name, spec]) => [name, spec()]));
    await Duel.run(specs, async (duel) => {
      for (const name of Object.keys(specs)) {
        // Rounds of about a quarter of a second: short enough that a slow spell of the machine spans both sides.
        const [probe] = (await duel.alternate(1, (side) => side.call('latencies', { key: name, calls: 20 })))[
          'onnxruntime-node'
        ];
        const calls = Math.max(10, Math.round(context.rounds(250, 100) / median(probe ?? [])));
        const rounds = await duel.alternate(context.rounds(15, 3), (side) =>
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
