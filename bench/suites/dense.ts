import { models } from '../models.js';
import type { Suite } from '../suite.js';
import { closedLoopDuel } from './duel.js';

const WIDTH = 2048;
const CALLERS = 64;

/** What batching is for: a model that spends its time reading 67 MB of weights, whether for one row or for many. */
export const dense: Suite = {
  name: 'dense',
  about: `four dense layers of ${WIDTH}, ${CALLERS} callers, against onnxruntime-node`,
  figures: ['throughput ratio', 'event-loop delay p99'],
  async run(context) {
    // A short run takes a model that is sooner loaded, under the same name.
    const width = context.rounds(WIDTH, 512);
    const { ours, theirs } = await closedLoopDuel(context, 'dense', {
      path: models.dense(width),
      dims: [1, width],
      callers: CALLERS,
      durationMs: 4000,
      ratio: {
        target: { is: '>=', value: 5 },
        remark: `maxBatchSize ${CALLERS}, otherwise default options`,
      },
    });
    const delay = (rounds: typeof ours) => rounds.map((round) => round.loop.p99);
    context.add('event-loop delay p99', 'ms', delay(ours), { target: { is: '<=', value: 3 } });
    context.add(
      'tensorlane rows a batch',
      '',
      ours.map((round) => round.rowsPerBatch),
    );
    context.add(
      'tensorlane latency p99',
      'ms',
      ours.map((round) => round.latencyMs.p99),
    );
    context.add(
      'onnxruntime-node latency p99',
      'ms',
      theirs.map((round) => round.latencyMs.p99),
    );
    context.add('onnxruntime-node event-loop delay p99', 'ms', delay(theirs));
  },
};
