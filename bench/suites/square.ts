import { models } from '../models.js';
import type { Suite } from '../suite.js';
import { closedLoopDuel } from './duel.js';

const CALLERS = 256;

/** What a request costs besides the model: squaring 16 floats takes no time, so this is all overhead. */
export const square: Suite = {
  name: 'square',
  about: `a model that squares 16 floats, ${CALLERS} callers, against onnxruntime-node`,
  figures: ['throughput ratio'],
  async run(context) {
    const { ours, theirs } = await closedLoopDuel(context, 'square', {
      path: models.square(),
      dims: [1, 16],
      callers: CALLERS,
      durationMs: 3000,
      ratio: {
        target: { is: '>=', value: 2 },
        remark: `the aim is 3x; maxBatchSize ${CALLERS}, otherwise default options`,
      },
    });
    context.add(
      'tensorlane rows a batch',
      '',
      ours.map((round) => round.rowsPerBatch),
    );
    context.add(
      'tensorlane event-loop delay p99',
      'ms',
      ours.map((round) => round.loop.p99),
    );
    context.add(
      'onnxruntime-node event-loop delay p99',
      'ms',
      theirs.map((round) => round.loop.p99),
    );
  },
};
