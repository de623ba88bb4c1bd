// A process that has the model loaded and is measured: by itself, batch after batch, or asked by the load over a socket.

import type { DeviceName, OpenOptions } from '../../device/open.js';
import { listDevices, open } from '../../device/open.js';
import type { Device } from '../../device/types.js';
import type { LoadModelOptions } from '../../model/options.js';
import type { Model } from '../../model/types.js';
import type { ValueInfo } from '../../tensor/types.js';
import { serve } from '../load/child.js';
import type { Sample } from './samples.js';
import { listen } from './wire.js';

export interface TargetSpec {
  readonly model: string;
  readonly device: DeviceName | undefined;
  readonly open: Omit<OpenOptions, 'device'>;
  readonly load: LoadModelOptions;
}

export interface Loaded {
  readonly inputs: readonly ValueInfo[];
  readonly device: {
    readonly kind: 'cuda' | 'cpu';
    readonly name: string;
    readonly threads: number;
    readonly index: number;
    readonly pciAddress: string | undefined;
  };
  /** Batches at once, and threads of a run, that its options allow. */
  readonly atOnce: number;
  readonly threads: number;
}

export interface CellSpec {
  readonly rows: number;
  readonly atOnce: number;
  readonly millis: number;
}

export interface CellResult {
  /** How long batches of so many rows took, in microseconds, as the scheduler sees it: ascending; of many, every so manieth. */
  readonly micros: readonly number[];
  readonly batches: number;
}

/** However long they take, so many batches of a lane are measured. */
const leastBatches = 2;
const mostKept = 500;

let device: Device | undefined;
let model: Model | undefined;
let samples: readonly Sample[] = [];
const run = (request: number) => model!.run(samples[request % samples.length]!);

const methods = {
  async load({ model: file, device: name, open: openOptions, load }: TargetSpec): Promise<Loaded> {
    device = await open({ ...openOptions, ...(name !== undefined && { device: name }) });
    model = await device.loadModel(file, load);
    const { kind, name: deviceName, threads, index, pciAddress } = device.info;
    return {
      inputs: model.inputs,
      device: { kind, name: deviceName, threads, index, pciAddress },
      atOnce: model.concurrency,
      threads: model.stats().adaptive?.threads ?? 1,
    };
  },

  /** All that there are: their names, and where they hang. */
  async gpus(): Promise<{ readonly name: DeviceName; readonly pciAddress: string | undefined }[]> {
    const cuda = (await listDevices()).filter(({ kind }) => kind === 'cuda');
    return cuda.map(({ index, pciAddress }) => ({ name: `cuda:${index}` as const, pciAddress }));
  },

  /** The requests to send. Each is run once: what the model does not take fails here. */
  async give(given: readonly Sample[]): Promise<void> {
    samples = given;
    for (const sample of samples) await model!.run(sample);
  },

  /** Why requests cannot share batches; undefined where they can. Asked once some have been run. */
  async whyAlone(): Promise<string | undefined> {
    // What is not shown by the graph is tried as rows come together.
    for (let i = 0; i < 3; i++) await Promise.all([run(0), run(1)]);
    const { enabled, reason } = model!.batching;
    return enabled ? undefined : (reason ?? 'its rows are not known to be independent');
  },

  async cell({ rows, atOnce, millis }: CellSpec): Promise<CellResult> {
    await Promise.all(Array.from({ length: atOnce }, () => batch(rows)));
    const micros: number[] = [];
    const until = performance.now() + millis;
    const lane = async () => {
      for (let batches = 0; batches < leastBatches || performance.now() < until; batches++) {
        const took = await batch(rows);
        if (took !== undefined) micros.push(took);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    micros.sort((a, b) => a - b);
    const kept = Math.min(mostKept, micros.length);
    const at = (i: number) => Math.floor(((i + 0.5) * micros.length) / kept);
    return { micros: Array.from({ length: kept }, (_, i) => Math.round(micros[at(i)]!)), batches: micros.length };
  },

  async listen(): Promise<string> {
    return (await listen(run, isShed)).path;
  },
};

/** How long a batch of so many rows took; undefined where it was not one. */
async function batch(rows: number): Promise<number | undefined> {
  // A turn of its own: another lane's rows must not come into it.
  await new Promise(setImmediate);
  let whole = false;
  let micros = 0;
  const observer = {
    started: (batch: { rows: number }) => {
      whole = batch.rows === rows;
    },
    ran: ({ computeMicros }: { computeMicros: number }) => {
      micros = computeMicros;
    },
  };
  const first = model!.run(samples[0]!, { observer });
  await Promise.all([first, ...Array.from({ length: rows - 1 }, (_, i) => run(i + 1))]);
  return whole ? micros : undefined;
}

const isShed = (error: unknown) =>
  ['ERR_OVERLOADED', 'ERR_QUEUE_FULL', 'ERR_TIMEOUT'].includes(String((error as { code?: unknown }).code));

export type Target = typeof methods;

process.on('SIGINT', () => {}); // whoever started it says when it ends
serve(methods, async () => {
  await model?.dispose();
  await device?.dispose();
  process.exit(0); // its socket would keep it
});
