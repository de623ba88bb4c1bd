// The ways of serving a model that are compared, and which of them this machine cannot do.

import type { DeviceName, OpenOptions } from '../../device/open.js';
import type { LoadModelOptions } from '../../model/options.js';
import type { SkippedSetup } from './file.js';

export interface Setup {
  readonly id: string;
  readonly name: string;
  readonly processes: number;
  /** Of what: tensorlane, or what it is compared with. */
  readonly by: 'tensorlane' | 'onnxruntime-node';
  /** tensorlane's. */
  readonly open: Omit<OpenOptions, 'device'>;
  readonly load: LoadModelOptions;
  /** The device of each process; undefined: that of the command. */
  readonly devices?: readonly DeviceName[];
  /** Under NVIDIA's multi-process service. */
  readonly mps?: boolean;
  /** onnxruntime-node's: worker threads; 0 where it runs on the main one. */
  readonly workers: number;
}

export interface Possible {
  readonly device: 'cuda' | 'cpu';
  readonly cores: number;
  /** How many processes have room in memory. */
  readonly mostProcesses: number;
  /** Why requests share no batches. */
  readonly alone: string | undefined;
  readonly sloMicros: number;
  /** The GPUs that may be measured together: one alone where it was named. */
  readonly gpus: readonly DeviceName[];
  /** Why no processes can be measured under MPS. */
  readonly noMps: string | undefined;
  /** Why there is no onnxruntime-node to compare with; undefined where there is, null where nobody asked. */
  readonly noPeer: string | undefined | null;
}

/** Those that are compared, in the order in which they are shown; without `tuned`, which each time is what was measured here. */
export function setupsOf({ device, cores, mostProcesses, alone, sloMicros, gpus, noMps, noPeer }: Possible): {
  readonly setups: readonly Setup[];
  readonly skipped: readonly SkippedSetup[];
} {
  const setups: Setup[] = [];
  const skipped: SkippedSetup[] = [];
  const add = (name: string, why: string | undefined, setup: Partial<Setup>) => {
    if (why !== undefined) skipped.push({ name, why });
    else setups.push({ id: name, name, processes: 1, by: 'tensorlane', open: {}, load: {}, workers: 0, ...setup });
  };
  const batches = (maxBatchSize: number) => ({ maxBatchSize, required: false });
  const single: LoadModelOptions = { batching: false, concurrency: 1 };
  const count = Math.min(cores, mostProcesses);
  const noProcesses =
    cores < 2
      ? 'there is one core'
      : count < 2
        ? 'there is no memory for two processes that have the model each'
        : undefined;
  // A process for each core: one lane, one thread.
  const ofOneCore = { open: { streams: 1, threads: 1 }, processes: count };

  add('one request at a time', undefined, { load: single });
  add('the default', undefined, {});
  add(tunedName, undefined, { load: { tuned: '' } });
  add('held to the SLO', undefined, {
    load: { tuned: '', batching: { targetLatencyMicros: Math.round(sloMicros), required: false } },
  });
  add('batches of 8', alone, { load: { batching: batches(8), concurrency: 1 } });
  add('2 x batches of 4', alone, { load: { batching: batches(4), concurrency: 2 } });
  const ofAll = (name: string, called: string, why: string | undefined, own: Partial<Setup>) => {
    add(name, why, { ...ofOneCore, name: called, load: { ...single, threads: 1 }, ...own });
    add(`${name}, batches of 8`, why ?? alone, {
      ...ofOneCore,
      name: `${called}, batches of 8`,
      load: { batching: batches(8), concurrency: 1, threads: 1 },
      ...own,
    });
  };
  ofAll(plural(cores), plural(count), noProcesses, {});
  const noGpu = device === 'cuda' ? undefined : 'the model runs on the CPU here';
  ofAll('MPS', `${plural(count)} under MPS`, noGpu ?? noMps ?? noProcesses, { mps: true });
  const noGpus = gpus.length > 1 ? undefined : 'there is one GPU, or one was named';
  add('one process a GPU', noGpu ?? noGpus, {
    name: `${plural(gpus.length)}, one a GPU`,
    processes: gpus.length,
    devices: gpus,
    load: { tuned: '' },
  });
  if (noPeer !== null) {
    add('onnxruntime-node', noPeer, { by: 'onnxruntime-node' });
    add(`onnxruntime-node, ${cores} worker threads`, noPeer ?? noProcesses, { by: 'onnxruntime-node', workers: cores });
  }
  return { setups, skipped };
}

/** What the file that tune writes makes of `loadModel`. */
export const tunedName = 'tuned';

const plural = (processes: number) => `${processes} ${processes === 1 ? 'process' : 'processes'}`;
