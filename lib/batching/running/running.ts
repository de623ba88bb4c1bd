// The batches that run.
//
// The rules it keeps: a batch has its lane from its start until all that was run again of it has ended; then the lane is given on
// before the callers are told, so that the next batch is at the device while they work.

import type { Adaptive } from '../learning/adaptive.js';
import type { Foresight } from '../learning/foresight.js';
import type { Learned } from '../learning/learned.js';
import type { Cell } from '../learning/surface.js';
import type { CloseReason } from '../statistics/closing.js';
import type { BatchCounters } from '../statistics/counters.js';
import { channels } from '../statistics/events.js';
import { tell } from '../statistics/observer.js';
import type { Clock } from '../time/clock.js';
import type { Watch } from '../time/watch.js';
import type { Plan } from '../waiting/forming.js';
import type { QueuedRequest } from '../waiting/request.js';
import type { DeviceTime } from './device-time.js';
import type { Execution } from './execution.js';
import { type Batch, Failure } from './executor.js';
import type { Settlement } from './settlement.js';

export interface RunningBatch {
  readonly started: number;
  readonly key: string;
  /** With padding. */
  readonly rows: number;
  /** The most batches that ran at once since it started, itself among them. */
  atOnce: number;
  /** What it was meant to be. */
  readonly aim: Cell | undefined;
  /** Whether it started beside one that was meant to be something else. */
  readonly mixed: boolean;
  /** What the device's time is to be told at its end; and for how long the device had nothing to do before it, though it was asked for. */
  readonly since: number;
  readonly waited: number;
  /** Resolves when its callers are told. */
  ended: Promise<void>;
}

export interface RunningParts<Payload, Result> {
  readonly execution: Execution<Payload, Result>;
  readonly watch: Watch<Payload, Result>;
  readonly settlement: Settlement<Payload, Result>;
  readonly counters: BatchCounters;
  readonly adaptive: Adaptive | undefined;
  readonly learned: Learned | undefined;
  /** Whether what is aimed at says how many threads a run may use. */
  readonly learnsThreads: boolean;
  readonly queue: { readonly rows: number };
  readonly foresight: Foresight;
  readonly clock: Clock;
  readonly maxBatchSize: number;
  /** Of the device that its batches share with others'. */
  readonly time: DeviceTime;
  /** For how long a batch may wait for more rows. */
  readonly delayMicros: number;
  /** The batcher's, in events. */
  readonly name: string;
  /** A lane has come free; the batch had the device for so long, and this is what it was charged for when it started. */
  readonly onFree: (deviceMicros: number, charged: number) => void;
}

export class Running<Payload, Result> {
  readonly #parts: RunningParts<Payload, Result>;
  readonly #batches = new Set<RunningBatch>();
  /** For how long those that have ended ran. */
  #busyMicros = 0;
  #rows = 0;
  /** How long the last batch took. */
  #lastMicros = 0;

  constructor(parts: RunningParts<Payload, Result>) {
    this.#parts = parts;
  }

  /** In batches that run. */
  get rows(): number {
    return this.#rows;
  }

  get size(): number {
    return this.#batches.size;
  }

  get batches(): ReadonlySet<RunningBatch> {
    return this.#batches;
  }

  /** For how long batches have run until now, all together. */
  busyMicros(now: number): number {
    let busy = this.#busyMicros;
    for (const { started } of this.#batches) busy += now - started;
    return busy;
  }

  /** Starts a batch, whose requests are queued no more. */
  start({ requests, reason }: Plan<Payload, Result>, started: number, charged: number): void {
    const { execution, watch, counters, learned, adaptive, learnsThreads, maxBatchSize, time } = this.#parts;
    const batch = execution.batch(requests);
    const { key } = requests[0]!;
    const { idle, since } = time.start(started);
    // Of a longer time it is not known whether anything was wanted in it.
    const waited = Math.min(idle, this.#lastMicros);
    // A part that is larger than batches are tells nothing of these.
    const aim =
      batch.total > maxBatchSize && requests[0]!.whole.parts !== undefined ? undefined : (learned ?? adaptive)?.aim;
    let mixed = false;
    if (aim !== undefined) for (const other of this.#batches) if (other.aim !== aim) mixed = true;
    const running: RunningBatch = {
      started,
      key,
      rows: batch.padded,
      atOnce: 0,
      aim,
      mixed,
      since,
      waited,
      ended: nothing,
    };
    if (aim !== undefined && learnsThreads) batch.threads = aim.threads;
    this.#batches.add(running);
    this.#rows += batch.padded;
    for (const other of this.#batches) other.atOnce = Math.max(other.atOnce, this.#batches.size);
    let first = started;
    let last = 0;
    for (const request of requests) {
      const { whole } = request;
      watch.remove(whole);
      whole.running++;
      if (whole.observer !== undefined) {
        const { observer } = whole;
        tell(() => observer.started?.({ requests: requests.length, rows: batch.total, reason }));
      }
      counters.queueMicros.record(started - request.arrived);
      if (request.entered < first) first = request.entered;
      if (request.entered > last) last = request.entered;
    }
    const delayOver = first + this.#parts.delayMicros;
    const ready = readyByItself.has(reason) ? Math.min(last, delayOver) : delayOver;
    counters.laneWaitMicros.record(Math.max(0, started - ready));
    counters.closed[reason]++;
    counters.formingMicros.record(started - first);
    running.ended = this.#run(running, batch, requests, { reason, formingMicros: started - first, charged });
  }

  /** Resolves when nothing runs; nothing more may be started then. */
  async whenNoneRuns(): Promise<void> {
    await Promise.all(Array.from(this.#batches, ({ ended }) => ended));
  }

  async #run(
    running: RunningBatch,
    batch: Batch<Payload>,
    requests: readonly QueuedRequest<Payload, Result>[],
    { reason, formingMicros, charged }: { reason: CloseReason; formingMicros: number; charged: number },
  ): Promise<void> {
    const { execution, settlement, clock, name, time, onFree } = this.#parts;
    const { results, retried } = await execution.run(batch, requests);
    const now = clock.now();
    const part = time.end(now, running.since);
    this.#batches.delete(running);
    const computeMicros = now - running.started;
    this.#busyMicros += computeMicros;
    const deviceMicros = batch.tookMicros ?? computeMicros;
    const failed = results.length > 0 && results.every((result) => result instanceof Failure);
    const isWhole = !results.some((result) => result instanceof Failure);
    if (!failed)
      this.#learn(running, requests, { part, now, retried: retried ? (isWhole ? 'well' : 'in part') : undefined });
    this.#rows -= running.rows;
    this.#lastMicros = computeMicros;
    // What was run again took longer than the executor said last.
    onFree(retried ? computeMicros : deviceMicros, charged);
    for (const { whole } of requests) {
      const { observer } = whole;
      if (observer !== undefined) tell(() => observer.ran?.({ computeMicros, deviceMicros }));
    }
    const settled = clock.now();
    for (let i = 0; i < requests.length; i++) settlement.ran(requests[i]!, results[i]!, settled);
    if (!channels.batch.hasSubscribers) return;
    channels.batch.publish({
      batcher: name,
      reason,
      requests: requests.length,
      rows: batch.total,
      paddedRows: batch.padded - batch.total,
      formingMicros,
      computeMicros,
      deviceMicros,
      failed,
    });
  }

  #learn(
    { started, key, rows, atOnce, aim, mixed, waited }: RunningBatch,
    requests: readonly QueuedRequest<Payload, Result>[],
    { part, now, retried }: { part: number; now: number; retried: 'in part' | 'well' | undefined },
  ): void {
    const { adaptive, learned, queue, foresight } = this.#parts;
    const micros = now - started;
    // Of one that failed, and was run again one by one, it tells what such batches cost here, as where they have no memory; but not how long
    // the next one takes.
    if (retried === undefined) foresight.learn(key, rows, micros, now);
    if (aim !== undefined && learned !== undefined) {
      const pending = queue.rows + this.#rows;
      learned.ended({ key, rows, micros, part: waited + part, pending, aim, mixed });
    }
    if (adaptive === undefined) return;
    let tooLate = 0;
    for (const { arrived } of requests) if (now - arrived > adaptive.targetMicros) tooLate++;
    // As its requests see it: with what it waited for the device, and for the JS thread.
    adaptive.ended({
      key,
      rows,
      atOnce,
      threads: aim?.threads,
      mixed,
      micros,
      requests: requests.length,
      retried,
      tooLate,
      now,
    });
  }
}

/** Why a batch starts without waiting for its delay: it was ready when its last request came. */
const readyByItself: ReadonlySet<CloseReason> = new Set(['full', 'preferred', 'adaptive', 'alone']);

const nothing = Promise.resolve();
