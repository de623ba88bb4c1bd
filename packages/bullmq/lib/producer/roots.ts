// Why a flow failed. Of a job that waited for one that failed BullMQ says only that; its caller gets the reason of the first that did.

import type { Redis } from 'ioredis';
import { splitReason } from '../core/reason.js';

const ofChild = /^child (\S+) failed$/;

/** What others wrote may go round in a circle. */
const mostSteps = 100;

/** The reason of a job, or of the one before it that it failed for, as far as the queue knows. */
export async function rootOf(redis: Redis, reason: string | undefined, steps = 0): Promise<string | undefined> {
  const child = ofChild.exec(reason ?? '')?.[1];
  if (child === undefined || steps > mostSteps) return reason;
  const given = await redis.hget(child, 'failedReason').catch(() => null);
  const its = await rootOf(redis, given ?? undefined, steps + 1);
  if (its === undefined) return reason;
  if (its.includes(' failed before it: ')) return its;
  const { code, message } = splitReason(its);
  return `${code}: the step '${child}' failed before it: ${message}`;
}
