import { models } from '../models.js';
import { ratios } from '../stats.js';
import type { Suite } from '../suite.js';
import { Duel } from './duel.js';

const CALLERS = 256;

/** What a request costs besides the model: squaring 16 floats takes no time, so this is all overhead. */
export const square: Suite = {
  name: 'square',
  about: `a model that squares 16 floats, ${CALLERS} callers, against onnxruntime-node`,
  figures: ['throughput ratio'],
  async run(context) {
    const spec = {
      path: models.square(),
      input: 'x',
      dims: [1, 16],
      requests: CALLERS,
      options: { maxBatchSize: CALLERS },
    };
    const load = {
      key: 'square',
      callers: CALLERS,
      warmupMs: context.rounds(1000, 300),
      durationMs: context.rounds(3000, 700),
    };
    const results = await Duel.run({ square: spec }, (duel) =>
      duel.alternate(context.rounds(5, 2), (side) => side.call('closedLoop', load)),
    );

    const ours = results.tensorlane;
    const theirs = results['onnxruntime-node'];
    const throughput = (rounds: typeof ours) => rounds.map((round) => round.throughput);
    context.add('throughput ratio', 'x', ratios(throughput(ours), throughput(theirs)), {
      target: { is: '>=', value: 2 },
      remark: `the aim is 3x; maxBatchSize ${CALLERS}, otherwise default options`,
    });
    context.add('tensorlane', '/s', throughput(ours));
    context.add('onnxruntime-node', '/s', throughput(theirs));
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
