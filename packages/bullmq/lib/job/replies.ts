// How a producer hears of the ends of its own jobs: by a channel of its own, which they name. BullMQ's events tell everybody of all ends, and of
// many producers each would read what is the others'.
//
// The rule: a message that nobody hears is lost, and nobody is told so. Whoever waits asks after its jobs now and then, and when it was not
// listening.

import type { Redis } from 'ioredis';
import { isPlainObject } from '../core/checks.js';

export interface Ends {
  /** Ids and results, in turn. */
  readonly completed?: readonly unknown[];
  /** Ids and reasons, in turn. */
  readonly failed?: readonly string[];
  /** Ids. */
  readonly removed?: readonly string[];
}

const mostLength = 100;

/** The name of the channel that a job's data have; '' where nobody listens. */
export function replyOf(data: unknown): string {
  const name = isPlainObject(data) ? data.reply : undefined;
  return typeof name === 'string' && name.length <= mostLength ? name : '';
}

/** Where that fails, whoever waits asks. */
export async function tellEnds(redis: Redis, channel: string, ends: Ends): Promise<void> {
  await redis.publish(channel, JSON.stringify(ends)).catch(() => {});
}

/** What is none is somebody else's. */
export function endsIn(message: string): Ends {
  try {
    const ends = JSON.parse(message) as unknown;
    if (!isPlainObject(ends)) return {};
    const { completed, failed, removed } = ends;
    const listOf = (value: unknown) => (Array.isArray(value) ? value : []);
    return { completed: listOf(completed), failed: listOf(failed), removed: listOf(removed) };
  } catch {
    return {};
  }
}
