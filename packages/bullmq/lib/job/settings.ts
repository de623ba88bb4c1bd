// What producers and workers of a queue have to agree on, and are therefore given in the same words.

import type { KeepJobs, Telemetry } from 'bullmq';
import type { Redis } from 'ioredis';
import { flag, refuse, shown, text, wholeNumber } from '../core/checks.js';
import { Payloads } from '../payload/payloads.js';
import { RedisStore } from '../payload/redis-store.js';
import type { PayloadStore } from '../payload/store.js';
import type { Connection } from '../redis/connection.js';

export interface SharedOptions {
  /** A URL, ioredis' options, or an ioredis client, which stays its owner's; 127.0.0.1:6379 by default. */
  connection?: Connection | undefined;
  /** Of all keys in Redis; 'bull', BullMQ's own, by default. */
  prefix?: string | undefined;
  /** Where tensors lie that are too large for the job itself; Redis by default. */
  store?: PayloadStore | undefined;
  /** Tensors of up to so many bytes lie in the job itself; 2048 by default. */
  inlineBytes?: number | undefined;
  /** The most bytes of tensors that a job or its result may have; 256 MiB by default. */
  maxPayloadBytes?: number | undefined;
  /** Whether tensors are compressed where a sample of them shows that it pays; false by default. */
  compression?: boolean | undefined;
  /** For how long a job's tensors are kept while it waits, beside its delay; a day by default. */
  expireMs?: number | undefined;
  /** For how long a result may be asked for; an hour by default. */
  resultExpireMs?: number | undefined;
  /** For how long a dead letter and its tensors are kept; a week by default. */
  deadLetterExpireMs?: number | undefined;
  /** BullMQ's telemetry, such as bullmq-otel's for OpenTelemetry: the trace of whoever adds a job goes on at its worker. */
  telemetry?: Telemetry | undefined;
  /** Whether a Redis is taken that drops jobs when its memory is full; false by default. */
  allowEviction?: boolean | undefined;
}

export const sharedNames = {
  connection: true,
  prefix: true,
  store: true,
  inlineBytes: true,
  maxPayloadBytes: true,
  compression: true,
  expireMs: true,
  resultExpireMs: true,
  deadLetterExpireMs: true,
  telemetry: true,
  allowEviction: true,
} as const;

export interface QueueSettings {
  readonly prefix: string;
  readonly payloads: Payloads;
  readonly expireMs: number;
  readonly resultExpireMs: number;
  readonly deadLetterExpireMs: number;
  readonly allowEviction: boolean;
  /** For BullMQ's own options. */
  readonly telemetry: { readonly telemetry?: Telemetry };
  readonly removeOnComplete: KeepJobs;
  readonly removeOnFail: KeepJobs;
}

const hour = 3.6e6;

/** Checked before there is a connection, which then completes them. Errors: ERR_ARGUMENT. */
export function checkSettings(options: SharedOptions, what: string): (redis: Redis) => QueueSettings {
  const given = options.store === undefined ? undefined : checkStore(options.store, what);
  const resultExpireMs = wholeNumber(`${what}: resultExpireMs`, options.resultExpireMs, hour, 1000);
  const deadLetterExpireMs = wholeNumber(
    `${what}: deadLetterExpireMs`,
    options.deadLetterExpireMs,
    7 * 24 * hour,
    1000,
  );
  const payloads = {
    inlineBytes: wholeNumber(`${what}: inlineBytes`, options.inlineBytes, 2048, 0),
    maxBytes: wholeNumber(`${what}: maxPayloadBytes`, options.maxPayloadBytes, 2 ** 28, 1),
    compression: flag(`${what}: compression`, options.compression, false),
  };
  const others = {
    prefix: options.prefix === undefined ? 'bull' : text(`${what}: prefix`, options.prefix),
    expireMs: wholeNumber(`${what}: expireMs`, options.expireMs, 24 * hour, 1000),
    resultExpireMs,
    deadLetterExpireMs,
    allowEviction: flag(`${what}: allowEviction`, options.allowEviction, false),
    telemetry: options.telemetry === undefined ? {} : { telemetry: options.telemetry },
    // In seconds.
    removeOnComplete: { age: Math.ceil(resultExpireMs / 1000) },
    removeOnFail: { age: Math.ceil(deadLetterExpireMs / 1000) },
  };
  return (redis) => ({ ...others, payloads: new Payloads({ ...payloads, store: given ?? new RedisStore(redis) }) });
}

function checkStore(store: PayloadStore, what: string): PayloadStore {
  const methods = ['put', 'get', 'keep', 'delete'] as const;
  const isOne = typeof store?.name === 'string' && methods.every((method) => typeof store[method] === 'function');
  return isOne ? store : refuse(`${what}: store must be a payload store (${methods.join(', ')}), got ${shown(store)}`);
}
