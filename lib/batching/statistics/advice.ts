// What is wrong with how a model is served, and what to change: rules over what its statistics say of a span of time.
//
// The rules they keep: nothing is said of fewer requests than tell anything; a rule names what it saw in figures and one change, by the
// option's name; what is as well as it can be is not spoken of. One fault is told once: a device that waits for the JS thread is not told of
// as lanes that are idle.

import type { CloseReason } from './closing.js';
import type { BatcherStats } from './stats.js';

/**
 * - shapes: batches close because what else waits has another shape.
 * - delay: batches wait for more rows that do not come.
 * - padding: a large part of what is computed is padding.
 * - queue: more is asked for than the lanes can answer.
 * - lanes: requests wait though lanes are free.
 * - device: requests wait though the device has nothing to do.
 * - thread: the JS thread is what is too slow.
 * - throttled: the limit of CPU time of the container stops the process.
 */
export type AdviceRule = 'shapes' | 'delay' | 'padding' | 'queue' | 'lanes' | 'device' | 'thread' | 'throttled';

export interface Advice {
  readonly rule: AdviceRule;
  /** Of which model; undefined: of the process. */
  readonly model?: string;
  /** What is wrong, in figures. */
  readonly problem: string;
  /** What to change. */
  readonly change: string;
}

/** Of fewer requests nothing is said. */
const enoughRequests = 100;

/** How a model is set up. */
export interface Served {
  readonly name: string;
  readonly stats: BatcherStats;
  /** Why its requests share no batches; undefined where they do. */
  readonly alone: string | undefined;
  readonly maxBatchSize: number;
  readonly maxQueueDelayMicros: number;
  readonly allowedBatchSizes: readonly number[] | undefined;
  /** Whether lengths are padded. */
  readonly padsLengths: boolean;
  readonly targetLatencyMicros: number | undefined;
  /** How many of its batches the device's resources let run at once. */
  readonly mostByResources: number;
}

/** What came between two looks. */
export interface Span {
  readonly micros: number;
  readonly requests: number;
  readonly batches: number;
  readonly rows: number;
  readonly paddedRows: number;
  readonly paddedLengths: number;
  readonly closed: Readonly<Record<CloseReason, number>>;
  /** On average, of the span: requests that waited, and batches that ran. */
  readonly queued: number;
  readonly running: number;
}

/** `before`: undefined where the span began with the model. */
export function spanOf(before: BatcherStats | undefined, after: BatcherStats, micros: number): Span {
  const grown = (of: (stats: BatcherStats) => number) => of(after) - (before === undefined ? 0 : of(before));
  const closed = { ...after.batches.closed };
  for (const reason of Object.keys(closed) as CloseReason[])
    closed[reason] = grown(({ batches }) => batches.closed[reason]);
  return {
    micros,
    requests: grown(({ queueMicros }) => queueMicros.count),
    batches: grown(({ batches }) => batches.count),
    rows: grown(({ batches }) => batches.rows),
    paddedRows: grown(({ batches }) => batches.paddedRows),
    paddedLengths: grown(({ batches }) => batches.paddedLengths),
    closed,
    // Little's law: what all waited together, of the time that passed.
    queued: grown(({ queueMicros }) => queueMicros.sum) / micros,
    running: grown(({ lanes }) => lanes.busyMicros) / micros,
  };
}

/** What came of all models, of the device, the process and its container in the same time. */
export interface Surroundings {
  /** The part of the time in which anything ran on the device; of a GPU and of a CPU alike. */
  readonly deviceBusy: number;
  readonly kind: 'cuda' | 'cpu';
  /** The part of the time in which the JS thread worked. */
  readonly threadBusy: number;
}

/** A device that works for less of the time than this, while requests wait, waits itself. */
const idleDevice = 0.5;
/** A JS thread that works for more of the time is what bounds the process; where requests wait, sooner: it rests while the device has a batch. */
const busyThread = 0.9;
const busyThreadWhileSomeWait = 0.8;
/** So many requests wait on average. */
const someWait = 1;
const paddedShare = 0.3;
const shapesShare = 0.2;
/** A batch that shares with a quarter of another request, on average, waits for nobody. */
const hardlyShared = 1.25;

/** What is wrong with one model. */
export function adviceOn(model: Served, span: Span, around: Surroundings): Advice[] {
  if (span.requests < enoughRequests || span.batches === 0) return [];
  const found = [onShapes(model, span), onDelay(model, span), onPadding(model, span), onWaiting(model, span, around)];
  return found.flatMap((one) => (one === undefined ? [] : [{ ...one, model: model.name }]));
}

function onShapes({ padsLengths }: Served, { closed, batches, rows }: Span): Advice | undefined {
  const share = closed.shape / batches;
  if (share < shapesShare) return undefined;
  return {
    rule: 'shapes',
    problem: `${percent(share)} of the batches closed because what else waited had another shape; they have ${short(rows / batches)} rows on average`,
    change: padsLengths
      ? 'give batching.padVariableLength fewer lengths, so that more requests have the same'
      : 'send fewer different shapes, or let them share: batching.padVariableLength',
  };
}

function onDelay({ maxQueueDelayMicros }: Served, { closed, batches, requests }: Span): Advice | undefined {
  const share = closed.delay / batches;
  if (maxQueueDelayMicros === 0 || share < 0.5 || requests / batches > hardlyShared) return undefined;
  return {
    rule: 'delay',
    problem: `${percent(share)} of the batches waited ${time(maxQueueDelayMicros)} for more, and have ${short(requests / batches)} requests all the same`,
    change: 'batching.maxQueueDelayMicros: 0; batches grow while others run, without it',
  };
}

function onPadding(model: Served, { rows, paddedRows, paddedLengths }: Span): Advice | undefined {
  const share = (paddedRows + paddedLengths) / (rows + paddedRows);
  if (!(share > paddedShare)) return undefined;
  const ofRows = paddedRows > paddedLengths;
  return {
    rule: 'padding',
    problem: `${percent(share)} of what is computed is padding, ${ofRows ? `up to batching.allowedBatchSizes (${model.allowedBatchSizes?.join(', ')})` : 'of lengths'}`,
    change: ofRows
      ? `name more batching.allowedBatchSizes: batches have ${short((rows + paddedRows) / Math.max(1e-9, rows))} times the rows that were asked for`
      : 'name more batching.padVariableLength.lengths, close to those that are asked for',
  };
}

/** Requests wait: for the lanes, or for something else. */
function onWaiting(model: Served, span: Span, { deviceBusy, kind, threadBusy }: Surroundings): Advice | undefined {
  const { queued, running } = span;
  if (queued < someWait) return undefined;
  const perBatch = span.requests / span.batches;
  const { adaptive, lanes } = model.stats;
  const atOnce = adaptive?.atOnce ?? lanes.size;
  const isAlwaysFull = running >= 0.9 * atOnce && queued >= perBatch * atOnce && model.stats.requests.queued > 0;
  if (!isAlwaysFull && threadBusy >= busyThreadWhileSomeWait) return undefined; // that is told of the process
  const waits = `${short(queued)} requests wait on average`;
  if (deviceBusy < idleDevice) {
    const isDelay = span.closed.delay >= span.batches / 2;
    return {
      rule: 'device',
      problem: `${waits}, and the ${kind === 'cuda' ? 'GPU' : 'device'} has something to run for ${percent(deviceBusy)} of the time`,
      change: isDelay
        ? `lower batching.maxQueueDelayMicros: a batch waits ${time(model.maxQueueDelayMicros)} and takes ${time((span.running * span.micros) / span.batches)}`
        : 'find what holds the requests up: preserveOrdering, sequences that wait for their turn, or other work of the JS thread',
    };
  }
  if (model.mostByResources < atOnce && running > 0.8 * model.mostByResources) {
    return {
      rule: 'lanes',
      problem: `${waits}, and ${short(running)} batches run at once of ${atOnce} that the model's lanes could`,
      change: `open({ resources }) lets ${model.mostByResources} of its batches run at once: raise it, or lower the model's rateLimiter.resources`,
    };
  }
  // The device had more to run than this model's batches.
  if (running < 0.5 * atOnce && running < 0.5 * deviceBusy) {
    return {
      rule: 'lanes',
      problem: `${waits}, and ${short(running)} batches run at once of ${atOnce} that the model's lanes could`,
      change:
        'other models have the device meanwhile: give this one a higher rateLimiter.weight, or a device of its own',
    };
  }
  if (!isAlwaysFull) return undefined;
  return {
    rule: 'queue',
    problem: `the queue never empties: ${waits}, ${time((queued * span.micros) / span.requests)} each, while ${short(running)} of ${atOnce} lanes work`,
    change: moreThroughput(model, span),
  };
}

function moreThroughput({ alone, maxBatchSize, targetLatencyMicros }: Served, { closed, batches }: Span): string {
  if (alone !== undefined) return `let its requests share batches; they do not, for ${alone}`;
  if (closed.full > batches / 2) return `most batches are full: try a batching.maxBatchSize above ${maxBatchSize}`;
  const refuse =
    targetLatencyMicros === undefined ? ', and refuse early what comes too late: batching.targetLatencyMicros' : '';
  return `the machine gives no more: add one (\`tensorlane plan\` says how many)${refuse}`;
}

/** What is wrong with the process. */
export function adviceOnProcess(spans: readonly Span[], { threadBusy }: Surroundings): Advice[] {
  const requests = spans.reduce((sum, span) => sum + span.requests, 0);
  const queued = spans.reduce((sum, span) => sum + span.queued, 0);
  const waits = queued >= someWait;
  if (requests < enoughRequests || threadBusy < (waits ? busyThreadWhileSomeWait : busyThread)) return [];
  return [
    {
      rule: 'thread',
      problem: `the JS thread works for ${percent(threadBusy)} of the time${waits ? `, and ${short(queued)} requests wait on average` : ''}`,
      change: 'take work off it, or run several processes (`tensorlane run`); `tensorlane tune` says whether they pay',
    },
  ];
}

const percent = (share: number) => `${Math.round(100 * share)}%`;
const short = (value: number) =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(2)));
const time = (micros: number) => (micros < 1000 ? `${Math.round(micros)} us` : `${short(micros / 1000)} ms`);
