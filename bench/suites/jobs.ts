import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Child } from '../../lib/cli/load/child.js';
import { Cast } from '../load/jobs-cast.js';
import type { JobsWorker, Place } from '../load/jobs-worker.js';
import { cpuMsOf, type RedisProcess, startRedis } from '../load/redis.js';
import { models } from '../models.js';
import { Celery } from '../peers/celery.js';
import { median, ratios } from '../stats.js';
import type { Context, Suite } from '../suite.js';
import { jobsScale } from './jobs-scale.js';

const N = 256;
const PRODUCERS = 4;
const WORKERS = 2;
/** A short run has one of each, under the same names. */
const numbersOf = (context: Context) => ({
  producers: context.rounds(PRODUCERS, 1),
  workers: context.rounds(WORKERS, 1),
});
const SVD = `SVD ${N}x${N}, ${PRODUCERS} producers and ${WORKERS} workers, of what one process does without a queue`;
const SQUARE = '16-float model, against BullMQ with one job at a time';
const CELERY = `SVD ${N}x${N}, ${PRODUCERS} producers and ${WORKERS} workers, against Celery with numpy`;
const LATENCY = 'p50 from add to result, against an empty job of BullMQ';

/** What a queue costs: the same work through Redis and without, and through BullMQ's own processor. */
export const jobs: Suite = {
  name: 'jobs',
  about: `jobs through Redis: SVDs of ${N}x${N} by several processes, a model of 16 floats, one job alone`,
  figures: [SVD, CELERY, SQUARE, LATENCY],
  async run(context) {
    if (spawnSync('redis-server', ['--version']).status !== 0) {
      for (const name of jobs.figures) context.skip(name, 'x', 'there is no redis-server');
      return;
    }
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tensorlane-bench-'));
    const redis = await startRedis(folder);
    const cast = new Cast(context.short);
    try {
      await latency(context, cast, redis.url);
      await squares(context, cast, redis);
      await svds(context, cast, redis.url, join(folder, 'payloads'));
      await jobsScale(context, cast, redis);
    } finally {
      await cast.close().finally(() => redis.stop());
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** Ours, and BullMQ's own. */
function sides(cast: Cast) {
  const producer = cast.take('producer');
  const worker = cast.take('worker');
  const plainProducer = cast.take('BullMQ producer');
  const plainWorker = cast.take('BullMQ worker');
  return { all: [producer, worker, plainProducer, plainWorker], producer, worker, plainProducer, plainWorker };
}

async function latency(context: Context, cast: Cast, url: string): Promise<void> {
  const [place, plain] = [
    { url, queue: 'latency' },
    { url, queue: 'latency-plain' },
  ];
  const { all, producer, worker, plainProducer, plainWorker } = sides(cast);
  const count = context.rounds(200, 20);
  const [ours, theirs]: [number[], number[]] = [[], []];
  try {
    await worker.call('work', { place });
    await plainWorker.call('workPlainly', { place: plain });
    await producer.call('produce', place);
    await plainProducer.call('producePlainly', plain);
    await producer.call('latencies', { count });
    await plainProducer.call('latenciesPlainly', { count });
    for (let round = 0; round < context.rounds(7, 1); round++) {
      ours.push(median(await producer.call('latencies', { count })));
      theirs.push(median(await plainProducer.call('latenciesPlainly', { count })));
    }
    const costs = await worker.call('costs', undefined as never);
    context.add(LATENCY, 'x', ratios(ours, theirs), {
      target: { is: '<=', value: 1.5 },
      remark: 'the trace of a 4x4 matrix; producer and worker are processes of their own on this machine',
    });
    context.add('p50 from add to result', 'ms', ours);
    context.add('p50 from add to result, an empty job of BullMQ', 'ms', theirs);
    for (const part of ['load', 'run', 'store'] as const)
      context.add(`a small job at its worker: ${part}`, 'us', [costs[part]]);
  } finally {
    await cast.release(all);
  }
}

async function squares(context: Context, cast: Cast, { url, pid }: RedisProcess): Promise<void> {
  const [place, plain] = [
    { url, queue: 'square' },
    { url, queue: 'square-plain' },
  ];
  const { all, producer, worker, plainProducer, plainWorker } = sides(cast);
  const count = context.rounds(3000, 200);
  const [ours, theirs]: [number[], number[]] = [[], []];
  const costs = { producer: [] as number[], worker: [] as number[], Redis: [] as number[] };
  const path = models.square();
  try {
    await worker.call('work', { place, path });
    await plainWorker.call('workPlainly', { place: plain, path });
    await producer.call('produce', place);
    await plainProducer.call('producePlainly', plain);
    await producer.call('squares', { count });
    await plainProducer.call('squaresPlainly', { count });
    const spent = () => [producer.pid, worker.pid, pid].map(cpuMsOf);
    for (let round = 0; round < context.rounds(7, 1); round++) {
      const before = spent();
      ours.push(await producer.call('squares', { count }));
      const each = spent().map((ms, i) => ((ms - before[i]!) * 1000) / count);
      for (const [i, part] of (['producer', 'worker', 'Redis'] as const).entries()) costs[part].push(each[i]!);
      theirs.push(await plainProducer.call('squaresPlainly', { count }));
    }
    context.add(SQUARE, 'x', ratios(ours, theirs), {
      target: { is: '>=', value: 3 },
      remark: `${count} jobs from the first add to the last result`,
    });
    context.add('16-float model', '/s', ours);
    context.add('16-float model, BullMQ with one job at a time', '/s', theirs);
    for (const [part, each] of Object.entries(costs))
      context.add(`16-float model, CPU time a job: ${part}`, 'us', each);
    await parts(context, cast, path);
  } finally {
    await cast.release(all);
  }
}

/** Where a job's time goes beside Redis: its tensors to bytes and back, and its way into a batch and out of it. */
async function parts(context: Context, cast: Cast, path: string): Promise<void> {
  const one = cast.take('a job by itself');
  const count = context.rounds(20_000, 500);
  try {
    const { there, back } = await one.call('payload', { count });
    context.add('16-float model, a job: tensors to bytes', 'us', [there]);
    context.add('16-float model, a job: bytes to tensors', 'us', [back]);
    context.add(
      '16-float model, a job: batching and the model itself',
      'us',
      [await one.call('batching', { path, count })],
      {
        remark: 'the same rows in one process without a queue, 64 callers',
      },
    );
  } finally {
    await cast.release([one]);
  }
}

async function svds(context: Context, cast: Cast, url: string, folder: string): Promise<void> {
  const numbers = numbersOf(context);
  const alone = cast.take('in place');
  const ways: readonly { readonly name: string; readonly place: Place }[] = [
    { name: 'tensors in files', place: { url, queue: 'svd-files', folder } },
    { name: 'tensors in Redis', place: { url, queue: 'svd-redis' } },
  ];
  const ms = context.rounds(2000, 200);
  const inPlace: number[] = [];
  const through: number[][] = ways.map(() => []);
  const celery = await Celery.start(`${url}/1`, numbers.workers, numbers.producers);
  const celeryRates: number[] = [];
  const fleets = ways.map(() => ({ producers: [] as Child<JobsWorker>[], workers: [] as Child<JobsWorker>[] }));
  try {
    for (const [i, { place }] of ways.entries()) {
      for (let k = 0; k < numbers.workers; k++) fleets[i]!.workers.push(cast.take('worker'));
      for (let k = 0; k < numbers.producers; k++) fleets[i]!.producers.push(cast.take('producer'));
      await Promise.all(fleets[i]!.workers.map((one) => one.call('work', { place, streams: 1 })));
      await Promise.all(fleets[i]!.producers.map((one) => one.call('produce', place)));
    }
    // JS is compiled while it runs: a few SVDs a second would be measured with code that was not.
    for (const { producers } of fleets) {
      await Promise.all(producers.map((one) => one.call('latencies', { count: context.rounds(400, 5) })));
    }
    for (let round = context.rounds(-1, 0); round < context.rounds(5, 1); round++) {
      const direct = await alone.call('svdInPlace', { n: N, atOnce: 8, ms });
      const rates: number[] = [];
      for (const { producers } of fleets) {
        const each = await Promise.all(producers.map((one) => one.call('svdThroughQueue', { n: N, atOnce: 2, ms })));
        rates.push(each.reduce((a, b) => a + b, 0));
      }
      const celerys = typeof celery === 'string' ? undefined : await celery.svds(N, 2, ms);
      // The first round warms everything up, but in a short run.
      if (round < 0) continue;
      inPlace.push(direct);
      // In the little time of a short run not one may have come back.
      if (celerys !== undefined) celeryRates.push(Math.max(celerys, 1000 / ms));
      for (const [i, rate] of rates.entries()) through[i]!.push(rate);
    }
    context.add(SVD, 'x', ratios(through[0]!, inPlace), {
      target: { is: '>=', value: 0.8 },
      remark: 'float64, 8 at once, all of it on this machine; tensors in files of /dev/shm (FileStore)',
    });
    context.add('the same with tensors in Redis', 'x', ratios(through[1]!, inPlace));
    if (typeof celery === 'string') context.skip(CELERY, 'x', celery);
    else {
      const remark = `${celery.versions}; pickles through the same Redis`;
      context.add(CELERY, 'x', ratios(through[0]!, celeryRates), { target: { is: '>=', value: 2 }, remark });
      context.add('SVDs through Celery', '/s', celeryRates);
    }
    context.add('SVDs in one process without a queue', '/s', inPlace);
    for (const [i, { name }] of ways.entries()) context.add(`SVDs through the queue, ${name}`, '/s', through[i]!);
  } finally {
    if (typeof celery !== 'string') await celery.close();
    await cast.release([alone, ...fleets.flatMap(({ producers, workers }) => [...producers, ...workers])]);
  }
}
