// Why a flow failed. Of a job that waited for one that failed BullMQ says only that; its caller gets the reason of the first that did.

import type { Redis } from 'ioredis';
import { splitReason } from '../core/reason.js';

const ofChild = /^child (\S+) failed$/;

/** The reason of a job, or of the one before it that it failed for. Errors: those of Redis. */
export async function rootOf(redis: Redis, reason: string | undefined): Promise<string | undefined> {
  const child = ofChild.exec(reason ?? '')?.[1];
  if (child === undefined) return reason;
  const its = await rootOf(redis, (await redis.hget(child, 'failedReason')) ?? undefined);
  if (its === undefined) return reason;
  if (its.includes(' failed before it: ')) return its;
  const { code, message } = splitReason(its);
  return `${code}: the step '${child}' failed before it: ${message}`;
}
