import { models } from '../models.js';
import { ratios } from '../stats.js';
import type { Suite } from '../suite.js';
import { Duel } from './duel.js';

const WIDTH = 2048;
const CALLERS = 64;

/** What batching is for: a model that spends its time reading 67 MB of weights, whether for one row or for many. */
export const dense: Suite = {
  name: 'dense',
  about: `four dense layers of ${WIDTH}, ${CALLERS} callers, against onnxruntime-node`,
  figures: ['throughput ratio', 'event-loop delay p99'],
  async run(context) {
    const spec = {
      path: models.dense(WIDTH),
      input: 'x',
      dims: [1, WIDTH],
      requests: CALLERS,
      options: { maxBatchSize: CALLERS },
    };
    const load = {
      key: 'dense',
      callers: CALLERS,
      warmupMs: context.rounds(1000, 300),
      durationMs: context.rounds(4000, 700),
    };
    const results = await Duel.run({ dense: spec }, (duel) =>
      duel.alternate(context.rounds(5, 2), (side) => side.call('closedLoop', load)),
    );

    const ours = results.tensorlane;
    const theirs = results['onnxruntime-node'];
    const throughput = (rounds: typeof ours) => rounds.map((round) => round.throughput);
    const delay = (rounds: typeof ours) => rounds.map((round) => round.loop.p99);
    const remark = `maxBatchSize ${CALLERS}, otherwise default options`;
    context.add('throughput ratio', 'x', ratios(throughput(ours), throughput(theirs)), {
      target: { is: '>=', value: 5 },
      remark,
    });
    context.add('event-loop delay p99', 'ms', delay(ours), { target: { is: '<=', value: 3 } });
    context.add('tensorlane', '/s', throughput(ours));
    context.add('onnxruntime-node', '/s', throughput(theirs));
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
