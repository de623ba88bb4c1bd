// The measuring: the model's cells in a process by themselves, then each way of serving under load, each in processes of its own.
//
// The rules it keeps: every step has a part of the time that is left, so that what takes long shortens what follows and the whole ends
// when it was to; what is compared takes turns (rounds), so that a slow spell of the machine hits all; every process that was started
// is ended, whatever fails.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../addon/own-package.js';
import { powersOfTwo } from '../../batching/learning/surface.js';
import type { DeviceName } from '../../device/open.js';
import type { LoadModelOptions } from '../../model/options.js';
import { Child } from '../load/child.js';
import { type MeasuredCell, type MeasuredPoint, type MeasuredSetup, shares } from './file.js';
import type { GpuWatch } from './gpu-watch.js';
import type { Journal } from './journal.js';
import type { Peer } from './peer.js';
import type { Sample } from './samples.js';
import type { ClosedSpec, LoadResult, OpenSpec, Sender } from './sender.js';
import type { Setup } from './setups.js';
import type { CellResult, Target, TargetSpec } from './target.js';
import { peakBytes, watchUsage } from './usage.js';

export interface Subject {
  readonly model: string;
  readonly device: DeviceName | undefined;
  /** The user's, under those of a set-up. */
  readonly load: LoadModelOptions;
  readonly samples: readonly Sample[];
}

/** Programs of dist/, wherever this is bundled. */
const program = (name: string) => pathToFileURL(join(packageRoot, 'dist', 'cli', 'tune', `${name}.js`));

type Member = Child<Target> | Child<Peer> | Child<Sender> | Child<GpuWatch>;

/** All processes that were started and have not ended; an interruption ends them. */
export class Crew {
  readonly #children = new Set<Member>();

  target = (env?: NodeJS.ProcessEnv) => this.#add(new Child<Target>(program('target'), 'the measured process', env));
  peer = () => this.#add(new Child<Peer>(program('peer'), 'onnxruntime-node'));
  sender = () => this.#add(new Child<Sender>(program('sender'), 'the load'));

  gpuWatch = () => this.#add(new Child<GpuWatch>(program('gpu-watch'), 'what looks at the GPUs'));

  async dismiss(child: Member): Promise<void> {
    this.#children.delete(child);
    await child.close();
  }

  /** All of them, or these. */
  kill(children: Iterable<Member> = this.#children): void {
    for (const child of [...children]) {
      child.kill();
      this.#children.delete(child);
    }
  }

  #add<C extends Member>(child: C): C {
    this.#children.add(child);
    return child;
  }
}

/** What a set-up says stands above what the user says, and so within `batching`. */
function merged(user: LoadModelOptions, own: LoadModelOptions): LoadModelOptions {
  const batching = user.batching && own.batching ? { ...user.batching, ...own.batching } : undefined;
  return { ...user, ...own, ...(batching && { batching }) };
}

interface Size {
  readonly rows: number;
  readonly atOnce: number;
  readonly threads: number;
}

export interface CellsSpec {
  readonly mostRows: number;
  readonly mostAtOnce: number;
  readonly mostThreads: number;
  readonly seconds: number;
}

/** With less time than this for a cell it is measured once, else in rounds. */
const enoughSeconds = 0.25;
const rounds = 3;
/** Sizes are left out of which one batch would take so many times the time of a cell. */
const tooLong = 3;

/** Of each number of rows, batches at once and threads, how long batches take; of those that would take too long, nothing. */
export async function measureCells(
  crew: Crew,
  journal: Journal,
  { model, device, load, samples }: Subject,
  { mostRows, mostAtOnce, mostThreads, seconds }: CellsSpec,
  tell: (share: number, what: string) => void,
): Promise<MeasuredCell[]> {
  const threads = mostThreads > 1 ? [mostThreads, 1] : [1];
  const sizes = powersOfTwo(1, mostRows);
  const lanes = powersOfTwo(1, mostAtOnce);
  const cells = threads.flatMap((threads) =>
    lanes.flatMap((atOnce) => sizes.map((rows) => ({ rows, atOnce, threads }))),
  );
  const times = seconds / cells.length / rounds > enoughSeconds ? rounds : 1;
  const targets = new Map<number, Child<Target>>();
  const targetOf = async (count: number) => {
    let target = targets.get(count);
    if (target !== undefined) return target;
    target = crew.target();
    targets.set(count, target);
    const batching = { maxBatchSize: mostRows, required: false };
    const ofOne = count === 1 && mostThreads > 1 ? { threads: 1 } : {};
    const own = { batching, concurrency: mostAtOnce, ...ofOne };
    await target.call('load', { model, device, open: {}, load: merged(load, own) } satisfies TargetSpec);
    await target.call('give', samples);
    await target.call('whyAlone', undefined as never);
    return target;
  };
  const all = new Map<Size, CellResult[]>(cells.map((cell) => [cell, []]));
  const left = new Set(cells);
  const end = performance.now() + seconds * 1000;
  let steps = cells.length * times;
  for (let round = 0; round < times; round++) {
    for (const cell of cells) {
      const millis = Math.max(10, (end - performance.now()) / Math.max(1, steps--));
      if (!left.has(cell)) continue;
      tell(1 - steps / cells.length / times, shown(cell));
      const { rows, atOnce, threads } = cell;
      const result = await journal.step(`cell ${threads} ${atOnce} ${rows} ${round}`, async () =>
        (await targetOf(threads)).call('cell', { rows, atOnce, millis }),
      );
      all.get(cell)!.push(result);
      const batch = result.micros[result.micros.length >> 1] ?? 0;
      // Each lane warms up by one batch, and then runs two at least.
      const isLong = (other: Size) =>
        other.threads === threads &&
        other.atOnce >= atOnce &&
        other.rows > rows &&
        (batch / 1000) * (other.rows / rows) > tooLong * Math.max(millis, 300);
      for (const other of left) if (isLong(other)) left.delete(other);
    }
  }
  for (const target of targets.values()) await crew.dismiss(target);
  return cells.flatMap((cell) => {
    const micros = all
      .get(cell)!
      .flatMap((result) => result.micros)
      .sort((a, b) => a - b);
    if (micros.length === 0) return [];
    const batches = all.get(cell)!.reduce((sum, result) => sum + result.batches, 0);
    const at = (share: number) => micros[Math.min(micros.length - 1, Math.floor(share * micros.length))]!;
    return [{ ...cell, micros: shares.map((share) => Math.max(1, at(share))), batches }];
  });
}

const shown = ({ rows, atOnce, threads }: Size) =>
  `${atOnce} x ${rows} ${rows === 1 ? 'row' : 'rows'}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;

const callers = [1, 2, 4, 8, 16, 32, 64] as const;
/** What part of the most that it answers a set-up is asked for at random. */
const openLoads = [
  { arrivals: 'poisson', share: 0.3 },
  { arrivals: 'poisson', share: 0.6 },
  { arrivals: 'poisson', share: 0.85 },
  { arrivals: 'bursty', share: 0.5 },
] as const;

export interface Conditions {
  readonly sloMillis: number;
  readonly seconds: number;
  /** What its processes have in their environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Looks at their GPUs, which hang there. */
  readonly gpus?: { readonly watch: Child<GpuWatch>; readonly addresses: readonly string[] } | undefined;
}

/** A way of serving under all loads: callers that wait for their answers, more and more of them; then requests at random times. */
export async function measureSetup(
  crew: Crew,
  subject: Subject,
  setup: Setup,
  conditions: Conditions,
  tell: (share: number, what: string) => void,
): Promise<MeasuredSetup> {
  const started: Member[] = [];
  try {
    return await underLoads(crew, subject, setup, conditions, started, tell);
  } finally {
    crew.kill(started); // those of one that failed
  }
}

async function underLoads(
  crew: Crew,
  { model, device, load, samples }: Subject,
  setup: Setup,
  { sloMillis, seconds, env, gpus }: Conditions,
  started: Member[],
  tell: (share: number, what: string) => void,
): Promise<MeasuredSetup> {
  const { id, name, processes, by } = setup;
  const pids: number[] = [];
  const paths: string[] = [];
  for (let i = 0; i < processes; i++) {
    if (by === 'tensorlane') {
      const target = crew.target(env);
      started.push(target);
      pids.push(target.pid);
      const own = setup.devices?.[i] ?? device;
      await target.call('load', { model, device: own, open: setup.open, load: merged(load, setup.load) });
      await target.call('give', samples);
      paths.push(await target.call('listen', undefined as never));
    } else {
      const target = crew.peer();
      started.push(target);
      pids.push(target.pid);
      await target.call('load', { model, workers: setup.workers });
      await target.call('give', samples);
      paths.push(await target.call('listen', undefined as never));
    }
  }
  const sender = crew.sender();
  started.push(sender);
  await sender.call('connect', paths);
  const end = performance.now() + seconds * 1000;
  const all = callers.length + openLoads.length;
  let done = 0;
  const points: MeasuredPoint[] = [];
  const take = async (
    load: MeasuredPoint['load'],
    run: (times: { millis: number; warmupMillis: number; sloMillis: number }) => Promise<LoadResult>,
  ) => {
    tell(
      done / all,
      `${name}: ${'callers' in load ? `${load.callers} callers` : `${load.arrivals}, ${Math.round(load.rate)}/s`}`,
    );
    const whole = Math.max(50, (end - performance.now()) / (all - done));
    done++;
    const gpu = () => gpus?.watch.call('take', gpus.addresses);
    await gpu(); // what was before
    const usage = watchUsage(pids);
    const result = await run({ millis: 0.75 * whole, warmupMillis: 0.25 * whole, sloMillis });
    points.push({ ...result, load, usage: usage(), gpu: await gpu() });
    return result;
  };
  let most = 0;
  let full = 0;
  for (const count of callers) {
    const { throughput, p99 } = await take({ callers: count }, (times) =>
      sender.call('closed', { ...times, callers: count } satisfies ClosedSpec),
    );
    full = throughput < 1.03 * most && p99 > sloMillis ? full + 1 : 0;
    most = Math.max(most, throughput);
    // Twice in a row: more callers would only wait longer.
    if (full === 2) break;
  }
  done = callers.length;
  for (const { arrivals, share } of openLoads) {
    const rate = Math.max(1, share * most);
    await take({ arrivals, rate }, (times) =>
      sender.call('open', { ...times, arrivals, rate, seed: done } satisfies OpenSpec),
    );
  }
  const memory = pids.map(peakBytes);
  const known = memory.every((bytes) => bytes !== undefined);
  for (const child of started.reverse()) await crew.dismiss(child); // the load first
  return {
    id,
    name,
    processes,
    points,
    memoryBytes: known ? memory.reduce((sum, bytes) => sum + bytes!, 0) : undefined,
  };
}
