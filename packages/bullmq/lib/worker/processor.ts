// One job from its data to its result. The rules: a job fails by itself, whatever it shares a batch with; its result is written under a
// name of this attempt's own, so that of two workers who have the same job only the one whose completion the queue takes is heard;
// and its tensors go only when the queue has taken that.

import { randomUUID } from 'node:crypto';
import { DelayedError, type Job, UnrecoverableError } from 'bullmq';
import type { Redis } from 'ioredis';
import { type Tensor, TensorlaneError } from 'tensorlane';
import { mostTimerMs } from '../core/checks.js';
import { isLasting, reasonOf } from '../core/reason.js';
import {
  checkJobData,
  checkJobResult,
  isOfAnotherFormat,
  type JobData,
  type JobResult,
  keysOf,
} from '../job/format.js';
import type { QueueSettings } from '../job/settings.js';
import { inSpan, SpanKind } from '../job/spans.js';
import type { RedisClock } from '../redis/clock.js';
import type { ByteBudget } from './budget.js';
import type { Cancellations } from './cancellations.js';
import { givenUp } from './giving-up.js';
import type { Handlers } from './handlers.js';
import { Suspects } from './suspects.js';

export interface ProcessorParts {
  readonly redis: Redis;
  readonly settings: QueueSettings;
  readonly handlers: Handlers;
  readonly budget: ByteBudget;
  readonly suspects: Suspects;
  readonly cancellations: Cancellations;
  readonly clock: RedisClock;
  /** After so many times a job whose device is lost each time is not put back any more. */
  readonly maxStalls: number;
  /** Told that the device works no more. */
  deviceLost(reason: TensorlaneError): void;
}

/** A job of a format that is not known here is left to other workers for so long, from when it was added. */
const leftToOthersMs = 10 * 60_000;
const leftForMs = 1000;

export class Processor {
  readonly #parts: ProcessorParts;
  readonly #keys: ReturnType<typeof keysOf>;
  readonly #queue: string;

  constructor(queue: string, parts: ProcessorParts) {
    this.#queue = queue;
    this.#parts = parts;
    this.#keys = keysOf(parts.settings.prefix, queue);
  }

  /** What BullMQ calls. */
  async process(job: Job, token: string | undefined, signal: AbortSignal): Promise<JobResult> {
    const { suspects } = this.#parts;
    if (isOfAnotherFormat(job.data) && Date.now() - job.timestamp < leftToOthersMs) {
      return putBack(job, token, leftForMs);
    }
    if (!suspects.mayRun(job.id!, job.stalledCounter)) return putBack(job, token, Suspects.delayMs());
    try {
      return await this.#run(job, signal);
    } catch (failure) {
      if ((failure as { code?: string } | undefined)?.code === 'ERR_DEVICE_LOST') {
        this.#parts.deviceLost(failure as TensorlaneError);
        // No fault of its own, unless it is so each time.
        if (job.attemptsStarted <= this.#parts.maxStalls) return await putBack(job, token, Suspects.delayMs());
      }
      const reason = reasonOf(failure);
      if (isLasting(failure)) throw new UnrecoverableError(reason);
      throw new Error(reason, { cause: failure });
    } finally {
      suspects.ended(job.id!);
    }
  }

  /** What is left to do when the queue has taken its completion. Where it fails, what is left expires. */
  async completed(job: Job): Promise<void> {
    if (this.#parts.cancellations.wasTold(job.id!)) await this.#forget(job);
    await this.#parts.settings.payloads.drop((job.data as JobData).feeds).catch(() => {});
  }

  /** A dead letter may be tried again as long as it is kept, with all that it takes. */
  async failedForGood(job: Job): Promise<void> {
    const { payloads, deadLetterExpireMs } = this.#parts.settings;
    const { feeds, from } = (job.data ?? {}) as Partial<JobData>;
    if (job.failedReason?.startsWith('ERR_ABORTED') || this.#parts.cancellations.wasTold(job.id!))
      await this.#forget(job);
    if (feeds !== undefined) await payloads.keep(feeds, deadLetterExpireMs).catch(() => {});
    if (from === undefined) return;
    const before = Object.values(await job.getChildrenValues().catch(() => ({}))) as Partial<JobResult>[];
    const outputs = before.flatMap((one) => one?.outputs ?? []);
    await Promise.allSettled(outputs.map((one) => payloads.keep(one, deadLetterExpireMs)));
  }

  /** That it was to be given up: it has ended. Where that fails, it is forgotten when it expires. */
  async #forget(job: Job): Promise<void> {
    await this.#parts.redis.del(this.#keys.cancelled(job.id!)).catch(() => {});
  }

  async #run(job: Job, signal: AbortSignal): Promise<JobResult> {
    const { settings, handlers, budget } = this.#parts;
    const what = `job ${job.id} '${job.name}'`;
    const data = checkJobData(job.data, what);
    const release = await budget.take(settings.payloads.sizeOf(data.feeds, what));
    // Of a job without a deadline, BullMQ's own signal is all there is.
    const limit = data.deadline === undefined ? undefined : new AbortController();
    const giveUp = limit === undefined ? signal : AbortSignal.any([signal, limit.signal]);
    let timer: NodeJS.Timeout | undefined;
    try {
      const begun = performance.now();
      const [feeds, cancelled, leftMs] = await this.#span('load', job, () =>
        Promise.all([this.#feedsOf(job, data, what), this.#cancellationOf(job, data), this.#leftOf(data)]),
      );
      if (cancelled !== null) throw new TensorlaneError('ERR_ABORTED', cancelled);
      if (leftMs <= 0) throw late();
      if (giveUp.aborted) throw givenUp(giveUp);
      // What no timer lasts for is no limit.
      if (leftMs <= mostTimerMs) timer = setTimeout(() => limit?.abort(late()), leftMs);
      const loaded = performance.now();
      const outputs = await this.#span('run', job, () => this.#call(job, data, feeds, giveUp, handlers));
      const ran = performance.now();
      const reference = await this.#span('store', job, async () => {
        const bytes = settings.payloads.encode(outputs, what);
        return settings.payloads.seal(bytes, this.#keys.outputs(job.id!, randomUUID()), this.#outputsExpireMs(job));
      });
      const stored = performance.now();
      const micros = { load: micro(loaded - begun), run: micro(ran - loaded), store: micro(stored - ran) };
      return { tensorlane: data.tensorlane, outputs: reference, micros };
    } finally {
      clearTimeout(timer);
      release();
    }
  }

  /** What another job takes is kept for as long as that may wait. */
  #outputsExpireMs({ parentKey }: Job): number {
    const { expireMs, resultExpireMs } = this.#parts.settings;
    return parentKey === undefined ? resultExpireMs : Math.max(expireMs, resultExpireMs);
  }

  /** A part of a job, as a trace has it: BullMQ's own span is all of it. */
  #span<R>(part: string, { id, name }: Job, run: () => Promise<R>): Promise<R> {
    const attributes = { 'bullmq.job.id': id!, 'bullmq.job.name': name };
    const span = { name: `${part} ${this.#queue}`, kind: SpanKind.INTERNAL, attributes };
    return inSpan(this.#parts.settings.telemetry.telemetry, span, run);
  }

  /** Its own, and outputs of the jobs before it. */
  async #feedsOf(job: Job, { feeds, from }: JobData, what: string): Promise<Record<string, Tensor>> {
    const { payloads } = this.#parts.settings;
    if (from === undefined) return payloads.open(feeds, what);
    const results = (await job.getChildrenValues()) as Readonly<Record<string, unknown>>;
    const keys = [...new Set(Object.values(from).map((origin) => origin.job))];
    const opened = keys.map(async (key) => {
      const before = `${what}: the job '${key}' before it`;
      if (results[key] === undefined) throw new TensorlaneError('ERR_NOT_FOUND', `${before} has no result`);
      return [key, await payloads.open(checkJobResult(results[key], before).outputs, before)] as const;
    });
    const [own, ...others] = await Promise.all([payloads.open(feeds, what), ...opened]);
    const outputs = new Map(others);
    for (const [name, { job: key, output }] of Object.entries(from)) {
      const tensor = outputs.get(key)?.[output];
      if (tensor === undefined) {
        const there = Object.keys(outputs.get(key) ?? {}).join(', ');
        throw new TensorlaneError(
          'ERR_ARGUMENT',
          `${what}: '${name}' is to be '${output}' of '${key}'; it gave ${there}`,
        );
      }
      own[name] = tensor;
    }
    return own;
  }

  #call(job: Job, data: JobData, feeds: Record<string, Tensor>, signal: AbortSignal, handlers: Handlers) {
    return handlers.run(job.name, feeds, {
      id: job.id!,
      attempt: job.attemptsMade + 1,
      options: data.options ?? {},
      signal,
      progress: (value) => job.updateProgress(value as never),
    });
  }

  /** One that another worker had may have been cancelled then, and one that waited for others while they ran. */
  async #cancellationOf({ id, attemptsStarted }: Job, { from }: JobData): Promise<string | null> {
    const maybe = attemptsStarted > 1 || from !== undefined || this.#parts.cancellations.wasTold(id!);
    return maybe ? this.#parts.redis.get(this.#keys.cancelled(id!)) : null;
  }

  async #leftOf({ deadline }: JobData): Promise<number> {
    return deadline === undefined ? Infinity : deadline - (await this.#parts.clock.now());
  }
}

const micro = (milliseconds: number) => Math.round(milliseconds * 1000);
const late = () => new TensorlaneError('ERR_TIMEOUT', 'it was not answered within its timeoutMs');

async function putBack(job: Job, token: string | undefined, delayMs: number): Promise<never> {
  await job.moveToDelayed(Date.now() + delayMs, token);
  throw new DelayedError();
}
