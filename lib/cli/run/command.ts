// `tensorlane run`: a server in several processes of one machine.
//
// The rule it keeps: a process is bound to its cores before it begins, by binding the thread that starts it: every thread that it ever has is bound
// with it.

import cluster from 'node:cluster';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { addon, prepareAddon } from '../../addon/load.js';
import { TensorlaneError } from '../../core/errors.js';
import { type Command, type CommandOptions, UsageError } from '../command.js';
import { microsOption, wholeOption } from '../quantities.js';
import { coresNear, gpusHere, type Place, placesOf } from './places.js';
import { Supervisor } from './supervisor.js';

const mostProcesses = 1024;

export const run: Command = {
  usage:
    'run --processes 4 server.mjs [--ports 8000] [--cores split|all] [--gpus 0,1|all] [--mps-share 25] [--grace 30s] [-- ARGUMENTS]',
  about:
    'Runs a server in several processes, which share what they listen on, each with cores (and a GPU) of its own. Starts again what dies, and lets all answer what they have when it is told to end.',
  options: {
    processes: { type: 'string' },
    ports: { type: 'string' },
    cores: { type: 'string', default: 'split' },
    gpus: { type: 'string' },
    'mps-share': { type: 'string' },
    grace: { type: 'string', default: '30s' },
  },
  async run(options, [file, ...args]) {
    if (file === undefined) throw new UsageError('run takes the program of a server');
    if (options.processes === undefined) throw new UsageError('run wants --processes, how many');
    const processes = wholeOption('processes', options.processes, 1, mostProcesses);
    const ports = options.ports === undefined ? undefined : wholeOption('ports', options.ports, 1, 65_536 - processes);
    const graceMillis = microsOption('grace', options.grace) / 1000;
    const share =
      options['mps-share'] === undefined ? undefined : wholeOption('mps-share', options['mps-share'], 1, 100);
    const gpus = gpusOf(options);
    const splits = splitsCores(options);
    if (!existsSync(file)) throw new TensorlaneError('ERR_ARGUMENT', `run: there is no file ${file}`);
    await prepareAddon();
    const all = addon().threadCores();
    const places = splits ? placesOf(processes, all, gpus, coresNear) : placesOf(processes, [], gpus, coresNear);
    const tell = (line: string) => console.error(`tensorlane run: ${line}`);
    // Of ports of their own each accepts by itself; what is shared is dealt out in turns, by this process.
    cluster.schedulingPolicy = ports === undefined ? cluster.SCHED_RR : cluster.SCHED_NONE;
    cluster.setupPrimary({ exec: resolve(file), args, silent: false });
    const supervisor = new Supervisor({
      processes,
      graceMillis,
      tell,
      now: () => performance.now(),
      after: (millis, callback) => {
        const timer = setTimeout(callback, millis);
        return () => clearTimeout(timer);
      },
      start: (index, onEnd) => {
        const place = places[index]!;
        const env = {
          TENSORLANE_PROCESS: String(index),
          ...(ports !== undefined && { PORT: String(ports + index) }),
          ...(place.gpu !== undefined && { CUDA_VISIBLE_DEVICES: place.gpu, CUDA_DEVICE_ORDER: 'PCI_BUS_ID' }),
          ...(share !== undefined && { CUDA_MPS_ACTIVE_THREAD_PERCENTAGE: String(share) }),
        };
        const worker = bound(place, all, () => cluster.fork(env), tell);
        worker.process.once('exit', (code, signal) => onEnd({ code, signal }));
        worker.process.on('error', (error) => {
          tell(`process ${index}: ${error.message}`);
          // One that the system could not start never exits.
          if (worker.process.pid === undefined) onEnd({ code: 1, signal: null });
        });
        tell(
          `process ${index} is ${worker.process.pid}${about(place, ports === undefined ? undefined : ports + index)}`,
        );
        return { pid: worker.process.pid, kill: (signal) => void worker.process.kill(signal) };
      },
    });
    const stop = () => supervisor.stop();
    // A terminal has told its whole group; a second signal would have servers drop what they have.
    const interrupt = () => supervisor.stop(process.stdin.isTTY === true);
    process.on('SIGTERM', stop).on('SIGINT', interrupt);
    try {
      return await supervisor.ended;
    } finally {
      process.off('SIGTERM', stop).off('SIGINT', interrupt);
    }
  },
};

/** Errors: UsageError. */
function gpusOf({ gpus }: CommandOptions): string[] {
  if (gpus === undefined) return [];
  if (gpus === 'all') {
    const found = gpusHere();
    if (found.length === 0)
      throw new TensorlaneError('ERR_NO_DEVICE', "run: --gpus all: NVIDIA's driver tells of none");
    return found;
  }
  const named = String(gpus).split(',');
  if (named.every((gpu) => /^(\d+|(GPU|MIG)-[\w/-]+)$/.test(gpu))) return named;
  throw new UsageError(`--gpus must be numbers or UUIDs of GPUs, or 'all', got '${gpus}'`);
}

/** Errors: UsageError. */
function splitsCores({ cores }: CommandOptions): boolean {
  if (cores === 'split' || cores === 'all') return cores === 'split';
  throw new UsageError(`--cores must be split or all, got '${cores}'`);
}

/** Started on cores of its own; where these are no longer the process's, it runs on those that are. */
function bound<T>({ cores }: Place, all: readonly number[], start: () => T, tell: (line: string) => void): T {
  if (cores === undefined) return start();
  const { bindThread } = addon();
  try {
    bindThread(cores);
  } catch (error) {
    tell(`${(error as Error).message}: the next process is not bound`);
    return start();
  }
  try {
    return start();
  } finally {
    // As far as that is still allowed; what is not has no more use.
    try {
      bindThread(all);
    } catch (error) {
      tell((error as Error).message);
    }
  }
}

function about({ cores, gpu }: Place, port: number | undefined): string {
  const parts = [
    ...(cores === undefined
      ? []
      : [`${cores.length === 1 ? 'core' : 'cores'} ${cores.join(', ')} of ${availableParallelism()}`]),
    ...(gpu === undefined ? [] : [`GPU ${gpu}`]),
    ...(port === undefined ? [] : [`port ${port}`]),
  ];
  return parts.length === 0 ? '' : `: ${parts.join('; ')}`;
}
