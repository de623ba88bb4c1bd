// What the suites that set one library's models against the other's have in common.

import { Child } from '../../lib/cli/load/child.js';
import type { ModelSpec, ModelWorker } from '../load/model-worker.js';
import { CONTENDERS, type ContenderName, PISCINA } from '../peers/contender.js';
import { maxAbsError, ratios } from '../stats.js';
import type { Context, FigureOptions } from '../suite.js';

type Side = Child<ModelWorker>;

/** One child process a library, each with the same models loaded. */
export class Duel {
  readonly #sides: ReadonlyMap<ContenderName, Side>;

  private constructor(sides: ReadonlyMap<ContenderName, Side>) {
    this.#sides = sides;
  }

  static async run<T>(
    specs: Readonly<Record<string, ModelSpec>>,
    body: (duel: Duel) => Promise<T>,
    names: readonly ContenderName[] = CONTENDERS,
  ): Promise<T> {
    const script = new URL('../load/model-worker.ts', import.meta.url);
    const sides = new Map(names.map((name) => [name, new Child<ModelWorker>(script, name)]));
    try {
      for (const [name, side] of sides) {
        await side.call('open', name);
        for (const [key, spec] of Object.entries(specs)) await side.call('load', { key, spec });
      }
      const duel = new Duel(sides);
      for (const key of Object.keys(specs)) await duel.#checkAnswers(key);
      return await body(duel);
    } finally {
      for (const side of sides.values()) await side.close();
    }
  }

  /**
   * `rounds` times: one measurement of each library, in turns and the other way round every second time, so that
   * neither always has the machine in the state the other left it in.
   */
  async alternate<T>(rounds: number, measure: (side: Side) => Promise<T>): Promise<Record<ContenderName, T[]>> {
    const results: Record<ContenderName, T[]> = { tensorlane: [], 'onnxruntime-node': [], [PISCINA]: [] };
    const names = [...this.#sides.keys()];
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? names : names.toReversed();
      for (const name of order) results[name].push(await measure(this.#sides.get(name) as Side));
    }
    return results;
  }

  /** A fast wrong answer is worth nothing. Sums of thousands of terms differ in their last digits, by batch size too. */
  async #checkAnswers(key: string): Promise<void> {
    const [ours, ...others] = await Promise.all([...this.#sides.values()].map((side) => side.call('answers', key)));
    for (const theirs of others) {
      for (const [i, answer] of theirs.entries()) {
        const error = maxAbsError(ours?.[i] ?? [], answer);
        if (error > 1e-4) throw new Error(`${key}: request ${i} got an answer that is off by ${error}`);
      }
    }
  }
}

export interface ClosedLoop {
  readonly path: string;
  /** Of one request. */
  readonly dims: number[];
  /** Each asks again as soon as it has its answer. */
  readonly callers: number;
  readonly durationMs: number;
  /** A batch with room for all callers where they are left out. */
  readonly options?: ModelSpec['options'];
  /** Of the throughput as a multiple of onnxruntime-node's. */
  readonly ratio: FigureOptions;
}

/**
 * Both libraries under a closed loop, and onnxruntime-node in worker threads, in turns: adds the figures of throughput, and gives what each
 * round of the two gave.
 */
export async function closedLoopDuel(
  context: Context,
  key: string,
  { path, dims, callers, durationMs, options = { maxBatchSize: callers }, ratio }: ClosedLoop,
) {
  const spec = { path, input: 'x', dims, requests: callers, options };
  const load = { key, callers, warmupMs: context.rounds(1000, 50), durationMs: context.rounds(durationMs, 200) };
  const results = await Duel.run(
    { [key]: spec },
    (duel) => duel.alternate(context.rounds(5, 1), (side) => side.call('closedLoop', load)),
    [...CONTENDERS, PISCINA],
  );
  const { tensorlane: ours, 'onnxruntime-node': theirs, [PISCINA]: threads } = results;
  const throughput = (rounds: typeof ours) => rounds.map((round) => round.throughput);
  const [our, their, pooled] = [throughput(ours), throughput(theirs), throughput(threads)];
  context.add('throughput against worker threads', 'x', ratios(our, pooled), {
    remark:
      'piscina: a thread a core, each with an onnxruntime-node session of one thread; inputs shared, outputs transferred',
  });
  context.add(PISCINA, '/s', pooled);
  context.add(
    `${PISCINA} event-loop delay p99`,
    'ms',
    threads.map((round) => round.loop.p99),
  );
  context.add('throughput ratio', 'x', ratios(our, their), ratio);
  context.add('tensorlane', '/s', our);
  context.add('onnxruntime-node', '/s', their);
  return { ours, theirs };
}
