import { type LoadModelOptions, open } from 'tensorlane';
import { models } from '../models.js';
import { median, ratios } from '../stats.js';
import type { Context, Suite } from '../suite.js';

const silero = { inputs: { state: 1, sr: null }, outputs: { stateN: 1 } };
type Found = [path: string, batching: LoadModelOptions['batching'] & object];
const MODELS: Readonly<Record<string, (context: Context) => Found>> = {
  'square of 16': () => [models.square(), {}],
  // A short run takes narrower layers, under the same name.
  'dense 4x2048': (context) => [models.dense(context.rounds(2048, 512)), {}],
  'OCR detection': () => [models.detection(), {}],
  'OCR recognition': () => [models.recognition(), {}],
  'OCR classifier': () => [models.classifier(), {}],
  'voice activity': () => [models.voiceActivity(), { batchAxis: silero }],
};

/** What it costs to find out at load whether a model keeps rows apart: loads that ask beside loads that are told. */
export const loading: Suite = {
  name: 'loading',
  about: 'loading a model, with and without looking into its graph',
  figures: Object.keys(MODELS).flatMap((name) => [`${name} share`, `${name} cost`]),
  async run(context) {
    await using device = await open({ device: 'cpu' });
    for (const [name, find] of Object.entries(MODELS)) {
      const [path, batching] = find(context);
      const load = async (independentRows: boolean) => {
        const start = performance.now();
        const model = await device.loadModel(path, { batching: { ...batching, independentRows } });
        const took = performance.now() - start;
        await model.dispose();
        return took;
      };
      for (const told of [true, false]) await load(told);
      const asked: number[] = [];
      const told: number[] = [];
      // Rounds of several loads that take turns: single ones scatter by more than what is looked for.
      for (let round = 0; round < context.rounds(9, 1); round++) {
        const sums = { asked: 0, told: 0 };
        const loads = context.rounds(10, 1);
        for (let i = 0; i < loads; i++) {
          // Whichever comes first has the cold caches.
          for (const independent of i % 2 === 0 ? [true, false] : [false, true]) {
            sums[independent ? 'told' : 'asked'] += await load(independent);
          }
        }
        asked.push(sums.asked / loads);
        told.push(sums.told / loads);
      }
      const cost = asked.map((one, i) => one - (told[i] ?? Number.NaN));
      context.add(`${name} share`, 'x', ratios(asked, told), { target: { is: '<=', value: 1.05 } });
      context.add(`${name} cost`, 'ms', cost, { target: { is: '<=', value: 50 } });
      context.log(`${name}: ${median(told).toFixed(2)} ms without`);
    }
  },
};
