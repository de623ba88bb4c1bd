import { models } from '../models.js';
import type { Suite } from '../suite.js';
import { closedLoopDuel } from './duel.js';

/** A convolutional model of tens of milliseconds, where batches do not pay and cores do. */
export const ocr: Suite = {
  name: 'ocr',
  about:
    'OCR recognition of 1x3x48x320, 32 callers, no options, against onnxruntime-node, awaited and in worker threads',
  figures: ['throughput ratio', 'throughput against worker threads'],
  async run(context) {
    const { ours } = await closedLoopDuel(context, 'ocr', {
      path: models.recognition(),
      dims: [1, 3, 48, 320],
      callers: context.rounds(32, 4),
      durationMs: 3000,
      options: {},
      ratio: { target: { is: '>=', value: 1 } },
    });
    context.add(
      'tensorlane event-loop delay p99',
      'ms',
      ours.map((round) => round.loop.p99),
    );
  },
};
