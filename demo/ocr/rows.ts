// The comparison: the same pictures through the same pipeline, again and again. What differs is how many callers there are, which
// options the models were loaded with, and whose library runs them. The rows take turns, forwards in one round and
// backwards in the next, so that a machine that grows slower or busier meanwhile does so for all of them.

import type { Device } from 'tensorlane';
import type { Progress } from '../progress.js';
import { dictionaryFile } from './assets.js';
import {
  disposeAll,
  type LoadModel,
  loadOcr,
  type OcrModels,
  onOnnxRuntime,
  onTensorlane,
  onWorkerThreads,
  type Policy,
} from './engine.js';
import { type Measured, Measurement } from './measure.js';
import { Reader } from './pipeline.js';
import type { Picture } from './pixels.js';
import { alphabet } from './recognise.js';

/**
 * What somebody might have set by hand. With many callers the three models have work at the same time and share the cores among them;
 * splitting each run over all cores as well costs more than it brings. The two rows differ in the batch size and in nothing else.
 */
const ONE_AT_A_TIME: Policy = { maxBatchSize: 1, maxQueueDelayMicros: 0, concurrency: 1, threads: 1 };
const BATCHED: Policy = { ...ONE_AT_A_TIME, maxBatchSize: 8 };

export interface Row {
  readonly name: string;
  /** What the row is, in one sentence. */
  readonly what: string;
  readonly measured: Measured;
  /** Of each model, how many batches of each size ran while the clock ran. */
  readonly batches?: Readonly<Record<string, ReadonlyMap<number, number>>>;
  /** In how many pictures this row read another text than the default row. */
  readonly differing: number;
}

export type RowName = 'alone' | 'usual' | 'single' | 'batched' | 'peer' | 'workers';

export interface Load {
  readonly rounds: number;
  /** Requests of a row before the first round. */
  readonly warmUp: number;
  /** Requests of a row in a round. */
  readonly requests: number;
  /** The same for the row with a single caller: it needs fewer, having no others to wait for. */
  readonly alone: number;
  readonly inFlight: number;
}

interface Contender {
  readonly key: RowName;
  readonly name: string;
  readonly what: string;
  readonly load: LoadModel;
  readonly callers: number;
  readonly requests: number;
}

function contenders(device: Device, { requests, alone, inFlight }: Load): Contender[] {
  const crowd = { callers: inFlight, requests };
  return [
    {
      key: 'alone',
      name: '1 caller, no options',
      what: 'Each request is sent when the one before it is answered: the latency with nobody else there.',
      load: onTensorlane(device),
      callers: 1,
      requests: alone,
    },
    {
      key: 'usual',
      name: `${inFlight} callers, no options`,
      what: 'Models loaded without options: how many pictures a batch has and how many batches run at once they learn.',
      load: onTensorlane(device),
      ...crowd,
    },
    {
      key: 'single',
      name: `${inFlight} callers, one at a time`,
      what: 'maxBatchSize 1, concurrency 1, threads 1: requests queue, and every run of a model carries one picture.',
      load: onTensorlane(device, ONE_AT_A_TIME),
      ...crowd,
    },
    {
      key: 'batched',
      name: `${inFlight} callers, batched`,
      what: `That with maxBatchSize ${BATCHED.maxBatchSize}: a batch gathers what arrives while the one before it runs.`,
      load: onTensorlane(device, BATCHED),
      ...crowd,
    },
    {
      key: 'peer',
      name: `${inFlight} callers, onnxruntime-node`,
      what: 'The same load on onnxruntime-node with its defaults: every run carries one picture.',
      load: onOnnxRuntime,
      ...crowd,
    },
    {
      key: 'workers',
      name: `${inFlight} callers, worker threads`,
      what: 'The same load on onnxruntime-node in piscina: a worker thread a core, each with a session of one thread.',
      load: onWorkerThreads(),
      ...crowd,
    },
  ];
}

export async function compareRows(
  device: Device,
  pictures: readonly Picture[],
  load: Load,
  progress: Progress,
): Promise<Record<RowName, Row>> {
  const characters = await alphabet(dictionaryFile());
  const entries = contenders(device, load);
  const models = await progress.stage('loading the models', 0, () =>
    Promise.all(entries.map((entry) => loadOcr(entry.load))),
  );
  try {
    const running = entries.map((entry, index) => {
      const own = models[index] as OcrModels;
      return {
        ...entry,
        models: own,
        measurement: new Measurement(new Reader(own, characters), pictures, entry.callers),
      };
    });
    const before = new Map<RowName, Sizes | undefined>();
    for (const { key, name, callers, measurement, models: own } of running) {
      // What learns is to have learned: every row has as long.
      const requests = callers === 1 ? Math.min(Math.ceil(pictures.length / 4), load.warmUp) : load.warmUp;
      await progress.stage(`warming up: ${name}`, requests, (report) => measurement.warmUp(requests, report));
      before.set(key, sizes(own));
    }
    for (let round = 0; round < load.rounds; round++) {
      for (const { name, requests, measurement } of round % 2 === 0 ? running : running.toReversed()) {
        const label = `round ${round + 1} of ${load.rounds}: ${name}`;
        await progress.stage(label, requests, (report) => measurement.round(requests, report));
      }
    }
    const measured = running.map(({ key, name, what, measurement, models: own }) => {
      const batches = since(before.get(key), sizes(own));
      return [key, { name, what, measured: measurement.result(), differing: 0, ...(batches && { batches }) }] as const;
    });
    return compared(Object.fromEntries(measured) as Record<RowName, Row>);
  } finally {
    await Promise.all(models.map(disposeAll));
  }
}

/** Counts, for each row, the pictures that it read otherwise than the default one. */
function compared(rows: Record<RowName, Row>): Record<RowName, Row> {
  const reference = rows.usual.measured.readings;
  const counted = Object.entries(rows).map(([key, row]) => {
    const other = row.measured.readings.filter((reading, index) => reading?.text !== reference[index]?.text);
    return [key, { ...row, differing: other.length }] as const;
  });
  return Object.fromEntries(counted) as Record<RowName, Row>;
}

type Sizes = Record<string, ReadonlyMap<number, number>>;

function sizes({ detection, direction, recognition }: OcrModels): Sizes | undefined {
  if (!detection.batchSizes || !direction.batchSizes || !recognition.batchSizes) return undefined;
  return {
    detection: detection.batchSizes(),
    direction: direction.batchSizes(),
    recognition: recognition.batchSizes(),
  };
}

/** What was counted between two readings of counters that only grow. */
function since(before: Sizes | undefined, after: Sizes | undefined): Sizes | undefined {
  if (before === undefined || after === undefined) return undefined;
  const grown = Object.entries(after).map(([model, counts]) => {
    const more = [...counts].map(([size, count]) => [size, count - (before[model]?.get(size) ?? 0)] as const);
    return [model, new Map(more.filter(([, count]) => count > 0))] as const;
  });
  return Object.fromEntries(grown);
}
