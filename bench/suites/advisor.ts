// What the advisor says against what is: tune's setting beside the best of an exhaustive grid, and what plan simulates beside what is measured.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoadModelOptions } from 'tensorlane';
import { arrivalsOf } from '../../lib/cli/load/arrivals.js';
import { settingsOf } from '../../lib/cli/plan/command.js';
import { ServiceTimes } from '../../lib/cli/plan/service.js';
import { type FleetModel, simulate } from '../../lib/cli/plan/simulate.js';
import { readTunedFile, type TunedFile } from '../../lib/cli/tune/file.js';
import { Crew } from '../../lib/cli/tune/measure.js';
import { samplesOf } from '../../lib/cli/tune/samples.js';
import type { LoadResult } from '../../lib/cli/tune/sender.js';
import { setupsOf } from '../../lib/cli/tune/setups.js';
import { SINGLE, type Subject } from '../defaults/subjects.js';
import { median, ratios } from '../stats.js';
import type { Context, Suite } from '../suite.js';

const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const named = (...names: string[]) => names.map((name) => SINGLE.find((subject) => subject.name === name)!);
/** The first of them alone in a short run. */
const TUNED = named('dense 4x512', 'square 16', 'OCR classifier', 'LSTM', 'attention');
const PLANNED = named('dense 4x512', 'OCR classifier', 'attention');
/** Of what the model answers at the most; by one process, and by two. */
const LOADS = [
  { share: 0.3, processes: 1 },
  { share: 0.5, processes: 1 },
  { share: 0.7, processes: 1 },
  { share: 0.3, processes: 2 },
  { share: 0.5, processes: 2 },
] as const;
const CALLERS = 64;
const SLO_MS = 100;

const againstGrid = ({ name }: Subject) => `tune's setting against the best of the grid, ${name}`;
const errors = ['simulated p50 against measured: error', 'simulated p99 against measured: error'] as const;
const speed = 'simulated time against real, 2,000 requests/s on one machine';

export const advisor: Suite = {
  name: 'advisor',
  about: "tune's setting beside an exhaustive grid, and plan's simulation beside what is measured",
  figures: [againstGrid(TUNED[0]!), ...errors, speed],
  async run(context) {
    const folder = mkdtempSync(join(tmpdir(), 'tensorlane-advisor-'));
    const crew = new Crew();
    const found = { p50: [] as number[], p99: [] as number[] };
    try {
      for (const subject of context.short ? TUNED.slice(0, 1) : TUNED) {
        const tuned = await tune(subject, folder, context);
        await besideGrid(crew, subject, tuned, context);
        if (PLANNED.includes(subject)) await besideReality(crew, subject, tuned, context, found);
        if (subject === TUNED[0]) await simulationSpeed(tuned, context);
      }
      const remark = 'over models and loads: random arrivals, one process and two behind a balancer';
      context.add(errors[0], '%', found.p50, { target: { is: '<=', value: 15 }, remark });
      context.add(errors[1], '%', found.p99, { target: { is: '<=', value: 30 }, remark });
    } finally {
      crew.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

const pathOf = (subject: Subject) => subject.steps()[0]!.path;
const inputOf = (subject: Subject) => `x:${subject.steps()[0]!.shapes[0]!.join('x')}`;

/** As a user runs it. */
async function tune(subject: Subject, folder: string, context: Context): Promise<TunedFile> {
  const out = join(folder, 'tuned.json');
  const minutes = String(context.rounds(3, 0.02));
  const args = [command, 'tune', pathOf(subject), '--input', inputOf(subject), '--slo', `${SLO_MS}ms`];
  const child = spawn(process.execPath, [...args, '--minutes', minutes, '--out', out], { stdio: 'ignore' });
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`tensorlane tune of ${subject.name} ended with ${code}`);
  return readTunedFile(out);
}

interface Way {
  readonly processes: number;
  readonly open: object;
  readonly load: LoadModelOptions;
}

/** A way of serving that is up: asked by callers, or at random times. */
async function start(crew: Crew, subject: Subject, { processes, open, load }: Way) {
  const targets: ReturnType<Crew['target']>[] = [];
  const paths: string[] = [];
  for (let i = 0; i < processes; i++) {
    const target = crew.target();
    targets.push(target);
    const { inputs } = await target.call('load', { model: pathOf(subject), device: 'cpu', open, load });
    await target.call('give', (await samplesOf(inputs, inputOf(subject))).all);
    paths.push(await target.call('listen', undefined as never));
  }
  const sender = crew.sender();
  await sender.call('connect', paths);
  return {
    sender,
    async capacity(millis: number): Promise<number> {
      const load = { callers: CALLERS, millis, warmupMillis: millis / 4, sloMillis: SLO_MS };
      return (await sender.call('closed', load)).throughput;
    },
    async stop(): Promise<void> {
      for (const child of [sender, ...targets]) await crew.dismiss(child);
    },
  };
}

/** All settings once, and then the best three of them and tune's in turns. */
async function besideGrid(crew: Crew, subject: Subject, tuned: TunedFile, context: Context): Promise<void> {
  const sizes = context.short ? [8] : [1, 2, 4, 8, 16, 32];
  const millis = context.rounds(1500, 100);
  const grid: Way[] = sizes.flatMap((maxBatchSize) =>
    (context.short ? [1] : [1, 2]).flatMap((concurrency) =>
      (context.short ? [{}] : [{}, { threads: 1 }]).map((threads) => ({
        processes: 1,
        open: {},
        load: { batching: { maxBatchSize, required: false }, concurrency, ...threads },
      })),
    ),
  );
  const scanned: { way: Way; rate: number }[] = [];
  for (const way of grid) {
    // The only one of a short run is the best.
    if (context.short) {
      scanned.push({ way, rate: 0 });
      continue;
    }
    const up = await start(crew, subject, way);
    scanned.push({ way, rate: await up.capacity(millis) });
    await up.stop();
  }
  const best = scanned.sort((a, b) => b.rate - a.rate).slice(0, 3);
  const ways = [advised(tuned), ...best.map(({ way }) => way)];
  const up = [];
  for (const way of ways) up.push(await start(crew, subject, way));
  const rates: number[][] = ways.map(() => []);
  for (let round = 0; round < context.rounds(7, 1); round++) {
    for (const [i, one] of up.entries()) rates[i]!.push(await one.capacity(millis));
  }
  for (const one of up) await one.stop();
  const [own, ...others] = rates;
  const most = others.reduce((a, b) => (median(b) > median(a) ? b : a));
  context.add(againstGrid(subject), 'x', ratios(own!, most), {
    target: { is: '>=', value: 0.97 },
    remark: `${CALLERS} callers; the grid: ${grid.length} settings of rows, lanes and threads in one process`,
  });
}

/** What tune says to run. */
function advised(tuned: TunedFile): Way {
  const { advice, alone, sloMicros } = tuned.measured;
  const cores = availableParallelism();
  const own = { device: 'cpu', cores, mostProcesses: cores, gpus: [], noMps: undefined } as const;
  const possible = { ...own, alone, sloMicros, noPeer: null };
  const setup = setupsOf(possible).setups.find(({ name }) => name === advice.setup)!;
  const load = 'tuned' in setup.load ? { ...setup.load, tuned } : setup.load;
  return { processes: setup.processes, open: setup.open, load };
}

/** The same arrivals, measured and simulated. */
async function besideReality(
  crew: Crew,
  subject: Subject,
  tuned: TunedFile,
  context: Context,
  found: { p50: number[]; p99: number[] },
): Promise<void> {
  const seconds = context.rounds(12, 0.5);
  for (const processes of context.short ? [2] : [1, 2]) {
    const up = await start(crew, subject, { processes, open: {}, load: { tuned } });
    const capacity = await up.capacity(context.rounds(2000, 200));
    const loads = LOADS.filter((load) => load.processes === processes).slice(0, context.rounds(5, 1));
    for (const [seed, { share }] of loads.entries()) {
      const rate = Math.max(20, share * capacity);
      const warmupMillis = 250 * seconds;
      const arrivals = { arrivals: 'poisson', rate, seed } as const;
      const open = {
        ...arrivals,
        millis: 1000 * seconds,
        warmupMillis,
        sloMillis: SLO_MS,
        policy: 'leastLoaded',
      } as const;
      const measured: LoadResult = await up.sender.call('open', open);
      const durationMs = 1250 * seconds;
      const simulated = await simulate(
        {
          machines: processes,
          processes: true,
          policy: 'leastLoaded',
          models: [plannedModel(tuned, tuned.measured.overheadMicros)],
          failsEveryMicros: undefined,
          startUpMicros: 1,
          scaleTo: undefined,
        },
        {
          arrivals: () => inMicros(arrivalsOf({ ...arrivals, durationMs })),
          rowsOf: () => 1,
          modelOf: () => 0,
          comeSeconds: durationMs / 1000,
          seconds: durationMs / 1000 + 1,
          warmupSeconds: warmupMillis / 1000,
          seed,
        },
      );
      const error = (name: 'p50' | 'p99') => 100 * Math.abs(simulated[name] / 1000 / measured[name] - 1);
      found.p50.push(error('p50'));
      found.p99.push(error('p99'));
      const shown = (name: 'p50' | 'p99') =>
        `${name} ${(simulated[name] / 1000).toFixed(2)} for ${measured[name].toFixed(2)} ms`;
      context.log(`${subject.name}, ${processes} x, ${Math.round(rate)}/s: ${shown('p50')}, ${shown('p99')}`);
    }
    await up.stop();
  }
}

function plannedModel(tuned: TunedFile, overheadMicros: number): FleetModel {
  const times = new ServiceTimes(tuned.measured.cells, tuned.measured.shares);
  const sloMicros = SLO_MS * 1000;
  return { settings: settingsOf('tuned', tuned, times, sloMicros), times, overheadMicros, sloMicros, work: 1 };
}

function* inMicros(millis: Iterable<number>): Generator<number> {
  for (const at of millis) yield at * 1000;
}

/** In the time of this process's CPU, so that what else runs here does not count. */
async function simulationSpeed(tuned: TunedFile, context: Context): Promise<void> {
  const seconds = context.rounds(100, 20);
  const samples: number[] = [];
  for (let round = 0; round <= context.rounds(5, 1); round++) {
    const started = process.cpuUsage();
    await simulate(
      {
        machines: 1,
        policy: 'leastLoaded',
        models: [plannedModel(tuned, 0)],
        failsEveryMicros: undefined,
        startUpMicros: 1,
        scaleTo: undefined,
      },
      {
        arrivals: () =>
          inMicros(arrivalsOf({ arrivals: 'poisson', rate: 2000, durationMs: seconds * 1000, seed: round })),
        rowsOf: () => 1,
        modelOf: () => 0,
        comeSeconds: seconds,
        seconds,
        warmupSeconds: 0,
        seed: round,
      },
    );
    const { user, system } = process.cpuUsage(started);
    if (round > 0) samples.push(seconds / ((user + system) / 1e6)); // the first is the compiler's
  }
  context.add(speed, 'x', samples, {
    target: { is: '>=', value: 100 },
    remark: 'against CPU time, garbage collection included',
  });
}
