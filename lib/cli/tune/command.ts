// `tensorlane tune`: measures how a model is best served on this machine.

import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, cpus } from 'node:os';
import { dirname, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ownVersion } from '../../addon/own-package.js';
import { TensorlaneError } from '../../core/errors.js';
import { cpuLimit, throttling } from '../../device/container.js';
import type { DeviceName } from '../../device/open.js';
import type { LoadModelOptions } from '../../model/options.js';
import { type Command, UsageError } from '../command.js';
import { microsOption, numberOption } from '../quantities.js';
import { advise } from './advice.js';
import { loadsOf, type Measured, median, type SkippedSetup, shares, type TunedFile } from './file.js';
import { Journal } from './journal.js';
import { Crew, measureCells, measureSetup, type Subject } from './measure.js';
import { noMps, underMps } from './mps.js';
import { pageOf } from './page.js';
import { Progress } from './progress.js';
import { samplesOf } from './samples.js';
import { setupsOf, tunedName } from './setups.js';
import { textOf } from './table.js';
import { peakBytes } from './usage.js';

/** The most rows of a batch that are measured, unless the options say otherwise. */
const mostRows = 32;
/** The part of the time that the cells have. */
const cellsShare = 0.35;
/** What free memory the processes of a set-up may take. */
const memoryShare = 0.6;

export const tune: Command = {
  usage:
    'tune model.onnx [--input x:1x3x224x224|file.npz|samples/] [--slo 50ms] [--minutes 3] [--out tuned.json] [--page tuned.html] [--device cpu|cuda:0] [--options load.json] [--compare]',
  about:
    'Measures how this model is best served on this machine: rows, lanes and threads, one process and several, under closed and open loops. Prints a table and what to run, and writes a file for loadModel({ tuned }) and `tensorlane plan`, and a page with charts. Interrupted, the same command goes on where it was.',
  options: {
    input: { type: 'string' },
    slo: { type: 'string' },
    minutes: { type: 'string', default: '3' },
    out: { type: 'string', default: 'tuned.json' },
    page: { type: 'string' },
    device: { type: 'string' },
    options: { type: 'string' },
    compare: { type: 'boolean', default: false },
  },
  async run(options, files) {
    const [file] = files;
    if (file === undefined || files.length > 1) throw new UsageError(`tune takes one model, got ${files.length}`);
    const seconds = 60 * numberOption('minutes', options.minutes, 0.01, 24 * 60);
    const slo = options.slo === undefined ? undefined : microsOption('slo', options.slo);
    const out = options.out as string;
    const page = (options.page as string | undefined) ?? out.replace(/(\.json)?$/, '.html');
    // Before minutes are spent on what cannot be written.
    for (const written of [out, page]) {
      if (existsSync(dirname(resolve(written)))) continue;
      throw new TensorlaneError('ERR_ARGUMENT', `there is no folder ${dirname(written)} to write ${written} in`);
    }
    const load = await loadOptions(options.options as string | undefined);
    const crew = new Crew();
    let interrupted = false;
    const interrupt = () => {
      interrupted = true;
      crew.kill();
    };
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
    const journalFile = `${out}.part`;
    try {
      const device = options.device as DeviceName | undefined;
      const input = options.input as string | undefined;
      const measured = await measure(crew, {
        file,
        device,
        load,
        input,
        slo,
        seconds,
        journalFile,
        compare: options.compare === true,
      });
      const { cells, ...others } = measured;
      const tuned: TunedFile = { version: 1, loads: loadsOf(cells), measured: { ...others, cells } };
      await writeFile(out, `${JSON.stringify(tuned, null, 1)}\n`);
      await writeFile(page, pageOf(tuned));
      new Journal(journalFile, undefined).remove();
      console.log(textOf(measured));
      console.log(
        `\nWritten: ${out}, for loadModel(model, { tuned: '${out}' }) and \`tensorlane plan ${out}\`; ${page}, a page with charts`,
      );
      return 0;
    } catch (error) {
      if (!interrupted) throw error;
      console.error(`\nInterrupted. The same command goes on from here; what was measured is in ${journalFile}.`);
      return 130;
    } finally {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
      crew.kill();
    }
  },
};

interface Asked {
  readonly file: string;
  readonly device: DeviceName | undefined;
  readonly load: LoadModelOptions;
  readonly input: string | undefined;
  /** In microseconds. */
  readonly slo: number | undefined;
  readonly seconds: number;
  readonly journalFile: string;
  readonly compare: boolean;
}

async function measure(crew: Crew, asked: Asked): Promise<Measured> {
  const { device, load, input, seconds, compare } = asked;
  const model = resolve(asked.file);
  const sha256 = await sha256Of(model);
  const cpu = cpus()[0]?.model.trim() || 'unknown';
  const about = {
    version: ownVersion(),
    sha256,
    cpu,
    cores: availableParallelism(),
    device,
    load,
    input,
    seconds,
    slo: asked.slo,
    compare,
  };
  const journal = new Journal(asked.journalFile, about);
  if (journal.steps > 0) console.error(`Goes on where it was interrupted: ${journal.steps} steps are taken over.`);
  const progress = new Progress(seconds);

  const stoppedBefore = throttling();
  progress.at(0, 'loads the model');
  const { loaded, samples, alone, memory, gpus } = await lookAt(crew, model, asked);

  // What a container's limit leaves, which Node does not know of everywhere.
  const cores = loaded.device.kind === 'cpu' ? loaded.device.threads : usableCores();
  const subject: Subject = { model, device, load, samples: samples.all };
  const most = (load.batching || undefined)?.maxBatchSize ?? mostRows;
  const spec = {
    mostRows: alone === undefined ? most : 1,
    mostAtOnce: loaded.atOnce,
    mostThreads: loaded.threads,
    seconds: cellsShare * seconds,
  };
  const cells = await measureCells(crew, journal, subject, spec, (share, what) =>
    progress.at(cellsShare * share, what),
  );
  const lone = cells.reduce(
    (least, cell) => (cell.rows === 1 && cell.atOnce === 1 ? Math.min(least, median(cell)) : least),
    Infinity,
  );
  const sloMicros = asked.slo ?? usualSlo(lone);
  const { setups, skipped } = setupsOf({
    gpus: gpus.map(({ name }) => name),
    noMps: noMps(),
    device: loaded.device.kind,
    cores,
    mostProcesses: memory === 0 ? cores : Math.floor((memoryShare * process.availableMemory()) / memory),
    alone,
    sloMicros,
    noPeer: compare ? noPeer() : null,
  });
  const tuned = { version: 1, loads: loadsOf(cells) } as const;
  const sloMillis = sloMicros / 1000;
  const owns = setups.map((setup) => ('tuned' in setup.load ? { ...setup, load: { ...setup.load, tuned } } : setup));
  const watch = await watchGpus(
    crew,
    gpus.flatMap(({ pciAddress }) => pciAddress ?? []),
  );
  const failed: SkippedSetup[] = [];
  const results = await inTurn(owns, (1 - cellsShare) * seconds, async (setup, share, left) => {
    const tell = (part: number, what: string) => progress.at(cellsShare + (1 - cellsShare) * share(part), what);
    const measured = (env?: NodeJS.ProcessEnv) => {
      const names = setup.devices ?? [`cuda:${loaded.device.index}`];
      const addresses = gpus.flatMap(({ name, pciAddress }) => (names.includes(name) && pciAddress) || []);
      const told = watch?.child && { watch: watch.child, addresses };
      const conditions = { sloMillis, seconds: left, gpus: told, ...(env && { env }) };
      return measureSetup(crew, subject, setup, conditions, tell);
    };
    try {
      return await journal.step(`setup ${setup.id}`, () => (setup.mps === true ? underMps(measured) : measured()));
    } catch (error) {
      // Of several processes one may find no memory left on the GPU, or the service may not start: the other ways can be measured.
      if (!(error instanceof TensorlaneError) || setup.processes === 1 || loaded.device.kind === 'cpu') throw error;
      failed.push({ name: setup.name, why: error.message });
      return undefined;
    }
  });
  progress.end();
  const stopped = throttling();
  const periods = (stopped?.allPeriods ?? 0) - (stoppedBefore?.allPeriods ?? 0);
  const found = results.filter((result) => result !== undefined);
  const ours = found.filter(({ id }) => setups.find((setup) => setup.id === id)!.by === 'tensorlane');
  const alones = found
    .find(({ name }) => name === tunedName)!
    .points.find(({ load }) => 'callers' in load && load.callers === 1)!;
  return {
    by: `tensorlane ${ownVersion()}`,
    date: new Date().toISOString(),
    model: { file: asked.file, sha256 },
    machine: { cpu, cores, device: loaded.device.kind === 'cuda' ? loaded.device.name : 'CPU' },
    noGpuUsage: watch?.problem,
    throttled: periods > 0 ? (stopped!.periods - (stoppedBefore?.periods ?? 0)) / periods : undefined,
    input: samples.about,
    sloMicros,
    alone,
    overheadMicros: Math.max(0, Math.round(alones.p50 * 1000 - lone)),
    shares: shares,
    cells,
    setups: found,
    skipped: [...skipped, ...failed],
    advice: advise({ setups: ours, cells, cores, device: loaded.device.kind, alone, sloMillis }),
  };
}

/** What the model is, why it runs alone where it does, and what memory a process of it takes. */
async function lookAt(crew: Crew, model: string, { device, load, input }: Asked) {
  const first = crew.target();
  const loaded = await first.call('load', { model, device, open: {}, load });
  const samples = await samplesOf(loaded.inputs, input);
  await first.call('give', samples.all);
  const alone = await first.call('whyAlone', undefined as never);
  const memory = peakBytes(first.pid) ?? 0;
  const all = loaded.device.kind === 'cuda' ? await first.call('gpus', undefined as never) : [];
  await crew.dismiss(first);
  // Where one was named, that alone is measured.
  const gpus = device === undefined || device === 'cuda' ? all : all.filter(({ name }) => name === device);
  return { loaded, samples, alone, memory, gpus };
}

/** Undefined where there are none. `problem`: why nothing is told of them. */
async function watchGpus(crew: Crew, addresses: readonly string[]) {
  if (addresses.length === 0) return undefined;
  const child = crew.gpuWatch();
  const problem = await child.call('watch', addresses);
  return { child: problem === undefined ? child : undefined, problem };
}

/** One after the other, each with an equal part of the seconds that are left; `share` says what part of all is done. */
async function inTurn<T, R>(
  all: readonly T[],
  seconds: number,
  work: (one: T, share: (part: number) => number, seconds: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const end = performance.now() + seconds * 1000;
  for (const [i, one] of all.entries()) {
    const left = Math.max(0, (end - performance.now()) / 1000 / (all.length - i));
    results.push(await work(one, (part) => (i + part) / all.length, left));
  }
  return results;
}

/** As the CPU's default is: a limit of CPU time is rounded up. */
const usableCores = () => Math.max(1, Math.min(availableParallelism(), Math.ceil(cpuLimit() ?? Infinity)));

/** Where none is given: ten times what a request takes by itself, 10 ms at least, rounded up to 1, 2 or 5 times a power of ten. */
function usualSlo(micros: number): number {
  const least = Math.max(10_000, 10 * micros);
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((step) => step * power).find((slo) => slo >= least)!;
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Why onnxruntime-node cannot be compared with; undefined where it can. */
function noPeer(): string | undefined {
  try {
    createRequire(`${process.cwd()}/`).resolve('onnxruntime-node');
    return undefined;
  } catch {
    return `onnxruntime-node is not installed in ${process.cwd()}`;
  }
}

async function loadOptions(file: string | undefined): Promise<LoadModelOptions> {
  if (file === undefined) return {};
  if (!existsSync(file)) throw new TensorlaneError('ERR_ARGUMENT', `--options: there is no file ${file}`);
  try {
    return JSON.parse(await readFile(file, 'utf8')) as LoadModelOptions;
  } catch (error) {
    throw new TensorlaneError('ERR_ARGUMENT', `--options: ${file}: ${(error as Error).message}`);
  }
}
