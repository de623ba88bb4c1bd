import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Arrivals } from '../../lib/cli/load/arrivals.js';
import { Child } from '../../lib/cli/load/child.js';
import { drawChart, drawPage, type LoadChart, type LoadPoint } from '../load/chart.js';
import type { HttpClientWorker } from '../load/http-client-worker.js';
import type { HttpServerWorker, Way } from '../load/http-server-worker.js';
import { isSustained, nextRate, sustainedRate } from '../load/sustained.js';
import { models } from '../models.js';
import { maxAbsError, ratios } from '../stats.js';
import type { Context, Suite } from '../suite.js';

const NAMES: Readonly<Record<Way, string>> = { ours: 'tensorlane', poll: 'polled every 10 ms', one: 'one at a time' };
const WAYS = Object.keys(NAMES) as Way[];
const LAYERS = 6;
const MAX_BATCH_SIZE = 64;
/** One batch at a time, which has all cores: two of a model that is bound by reading its weights share what one can read. */
const CONCURRENCY = 1;
const MAX_IN_FLIGHT = 1024;

interface Load {
  readonly width: number;
  readonly rates: readonly number[];
  readonly warmupMs: number;
  readonly measureMs: number;
  /** Rounds of what the targets are held against. */
  readonly rounds: number;
  /** Rates tried between those given, for each way. */
  readonly refinements: number;
}

const FULL: Load = {
  width: 3072, // 226 MB of weights.
  rates: [50, 100, 200, 400, 800, 1200, 1600, 2000],
  warmupMs: 700,
  measureMs: 4000,
  rounds: 3,
  refinements: 3,
};
const SHORT: Load = { width: 256, rates: [50, 200], warmupMs: 20, measureMs: 200, rounds: 1, refinements: 0 };

/** The simplest-queue experiment: what a server in front of a large model gains by the way its requests queue. */
export const server: Suite = {
  name: 'server',
  about: `node:http before ${LAYERS} dense layers of ${FULL.width}, open loop: one at a time, polled every 10 ms, batched`,
  figures: [
    'p50 at 50/s against one at a time',
    'p50 where one at a time collapses, against polling',
    'p95 where one at a time collapses, against polling',
    'sustained rate against one at a time',
  ],
  async run(context) {
    const load = context.short ? SHORT : FULL;
    const experiment = await Experiment.start(load);
    try {
      await experiment.checkAnswers();
      for (const rate of load.rates) {
        for (const way of WAYS) context.log(experiment.describe(way, await experiment.point(way, rate)));
      }
      for (const way of WAYS) await refine(experiment, way, load, context);
      await judge(experiment, load, context);
      write(experiment.chart());
    } finally {
      await experiment.close();
    }
  },
};

async function refine(experiment: Experiment, way: Way, { refinements }: Load, context: Context): Promise<void> {
  for (let step = 0; step < refinements; step++) {
    const rate = nextRate(sustainedRate(experiment.points[way]));
    if (rate === undefined) return;
    context.log(experiment.describe(way, await experiment.point(way, rate)));
  }
}

/** The figures with targets: ratios of rounds in which both ways met the same arrivals, one right after the other. */
async function judge(experiment: Experiment, load: Load, context: Context): Promise<void> {
  const { rounds, measureMs, rates } = load;
  const setting = `maxBatchSize ${MAX_BATCH_SIZE}, concurrency ${CONCURRENCY}; Poisson arrivals for ${measureMs / 1000} s a round`;
  const below = { is: '<=', value: 0.6 } as const;
  const late = () => `the load program itself was at most ${experiment.worstLateMs.toFixed(0)} ms late (p99)`;

  const lowest = rates[0] as number;
  const low = await experiment.rounds(['ours', 'one'], lowest, rounds);
  context.add(`p50 at ${lowest}/s against one at a time`, 'x', ratios(low.ours.p50, low.one.p50), {
    target: { is: '<=', value: 1.1 },
    remark: `${setting}; ${late()}`,
  });
  context.add(`p50 at ${lowest}/s, tensorlane`, 'ms', low.ours.p50);
  context.add(`p50 at ${lowest}/s, one at a time`, 'ms', low.one.p50);

  const one = sustainedRate(experiment.points.one);
  const rate = one.collapse ?? (rates.at(-1) as number);
  const notComparable = one.collapse === undefined ? { notComparable: `one at a time kept up with ${rate}/s` } : {};
  const high = await experiment.rounds(['ours', 'poll', 'one'], rate, rounds);
  for (const p of ['p50', 'p95'] as const) {
    const name = `${p} where one at a time collapses`;
    const remark = `at ${rate}/s; ${setting}; ${late()}`;
    const against = ratios(high.ours[p], high.poll[p]);
    context.add(`${name}, against polling`, 'x', against, { target: below, remark, ...notComparable });
    for (const way of WAYS) context.add(`${name}: ${NAMES[way]}`, 'ms', high[way][p]);
  }
  const bursts = await experiment.rounds(['ours', 'poll'], rate, 1, 'bursty');
  context.add('p95 of bursts of four times that rate, against polling', 'x', ratios(bursts.ours.p95, bursts.poll.p95));

  const sustained = WAYS.map((way) => sustainedRate(experiment.points[way]));
  const [ours, poll] = sustained;
  const none = { notComparable: 'one at a time sustained none of the rates' };
  context.add('sustained rate against one at a time', 'x', [(ours?.rate ?? 0) / Math.max(one.rate, 1)], {
    target: { is: '>=', value: 4 },
    remark: 'sustained: 97 % answered within the time they came in, all in the end, p95 below 1 s',
    ...(one.rate === 0 ? none : notComparable),
  });
  for (const [i, way] of WAYS.entries()) {
    const highest = sustained[i]?.rate === rates.at(-1) ? { remark: 'the highest rate that was tried' } : {};
    context.add(`sustained, ${NAMES[way]}`, '/s', [sustained[i]?.rate ?? 0], highest);
  }
  if (poll !== undefined && one.rate > 0) {
    context.add('sustained rate of polling against one at a time', 'x', [poll.rate / one.rate]);
  }
}

/** A server process for each way, each with the model loaded, and one client process. */
class Experiment {
  readonly points: Readonly<Record<Way, LoadPoint[]>> = { ours: [], poll: [], one: [] };
  worstLateMs = 0;
  readonly #load: Load;
  readonly #client: Child<HttpClientWorker>;
  readonly #servers: ReadonlyMap<Way, Child<HttpServerWorker>>;
  readonly #urls = new Map<Way, string>();
  #seed = 1;

  private constructor(load: Load) {
    const worker = (name: string) => new URL(`../load/${name}-worker.ts`, import.meta.url);
    this.#load = load;
    this.#client = new Child<HttpClientWorker>(worker('http-client'), 'client');
    this.#servers = new Map(WAYS.map((way) => [way, new Child<HttpServerWorker>(worker('http-server'), NAMES[way])]));
  }

  static async start(load: Load): Promise<Experiment> {
    const experiment = new Experiment(load);
    const { width } = load;
    const spec = { path: models.dense(width, LAYERS), width, maxBatchSize: MAX_BATCH_SIZE, concurrency: CONCURRENCY };
    try {
      for (const way of WAYS) experiment.#urls.set(way, await experiment.#server(way).call('start', { way, ...spec }));
    } catch (error) {
      await experiment.close();
      throw error;
    }
    return experiment;
  }

  /** A fast wrong answer is worth nothing. Sums of thousands of terms differ in their last digits, by batch size too. */
  async checkAnswers(): Promise<void> {
    const [expected, ...others] = await Promise.all(
      WAYS.toReversed().map((way) => this.#client.call('answers', this.#destination(way))),
    );
    for (const answers of others) {
      for (const [i, answer] of answers.entries()) {
        const error = maxAbsError(answer, expected?.[i] ?? []);
        if (!(error <= 1e-4)) throw new Error(`request ${i} got an answer that is off by ${error}`);
      }
    }
  }

  /** Measures one point of the chart. */
  async point(way: Way, rate: number): Promise<LoadPoint> {
    const point = await this.#measure(way, rate, 'poisson', rate);
    this.points[way].push(point);
    this.points[way].sort((a, b) => a.rate - b.rate);
    return point;
  }

  /** In turns; in each round all ways meet the same arrivals. */
  async rounds(ways: readonly Way[], rate: number, rounds: number, arrivals: Arrivals = 'poisson') {
    const results: Record<Way, { p50: number[]; p95: number[] }> = {
      ours: { p50: [], p95: [] },
      poll: { p50: [], p95: [] },
      one: { p50: [], p95: [] },
    };
    for (let round = 0; round < rounds; round++) {
      const seed = this.#seed++;
      for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
        const { latencyMs } = (await this.#measure(way, rate, arrivals, seed)).summary;
        results[way].p50.push(latencyMs.p50);
        results[way].p95.push(latencyMs.p95);
      }
    }
    return results;
  }

  describe(way: Way, { rate, summary, sustained, rowsPerBatch = 0 }: LoadPoint): string {
    const { achieved, latencyMs } = summary;
    const latency = `p50 ${latencyMs.p50.toFixed(1)} ms, p95 ${latencyMs.p95.toFixed(1)} ms`;
    const answered = `${achieved.toFixed(0)}/s answered`;
    return `${NAMES[way]} at ${rate}/s: ${answered}, ${latency}, ${rowsPerBatch.toFixed(1)} rows a batch${sustained ? '' : ' (not sustained)'}`;
  }

  chart(): LoadChart {
    const { width, measureMs } = this.#load;
    const megabytes = Math.round((LAYERS * width * width * 4) / 1e6);
    return {
      title: `A ${megabytes} MB model behind node:http: latency against load`,
      notes: [
        `Poisson arrivals for ${measureMs / 1000} s a point; at most ${MAX_IN_FLIGHT} requests on their way.`,
        `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}.`,
      ],
      series: WAYS.map((way) => ({ name: NAMES[way], points: this.points[way] })),
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#client, ...this.#servers.values()].map((child) => child.close()));
  }

  async #measure(way: Way, rate: number, arrivals: Arrivals, seed: number): Promise<LoadPoint> {
    const { warmupMs, measureMs } = this.#load;
    const server = this.#server(way);
    const load = { ...this.#destination(way), rate, arrivals, warmupMs, measureMs, seed, maxInFlight: MAX_IN_FLIGHT };
    const before = await server.call('batches', {});
    const summary = await this.#client.call('openLoop', load);
    const after = await server.call('batches', {});
    await server.call('idle', {});
    if (summary.counts.failed > 0) throw new Error(`${NAMES[way]} at ${rate}/s: ${summary.failure}`);
    this.worstLateMs = Math.max(this.worstLateMs, summary.sender.lateP99);
    const rowsPerBatch = (after.rows - before.rows) / Math.max(1, after.count - before.count);
    return { rate, summary, sustained: isSustained(summary), rowsPerBatch };
  }

  #server(way: Way): Child<HttpServerWorker> {
    return this.#servers.get(way) as Child<HttpServerWorker>;
  }

  #destination(way: Way) {
    return { url: this.#urls.get(way) as string, width: this.#load.width };
  }
}

function write(chart: LoadChart): void {
  const folder = new URL('../results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL('server.svg', folder), drawChart(chart));
  writeFileSync(new URL('server.html', folder), drawPage(chart));
}
