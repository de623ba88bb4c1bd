// Decides whether a bucket's requests may run now, and which of them make the next batch.
//
// The rule it keeps: requests are taken in the bucket's order until the next one would not fit. It looks and changes nothing.

import type { CloseReason } from '../statistics/closing.js';
import type { Bucket } from './bucket.js';
import type { QueuedRequest } from './request.js';

export interface FormingRules {
  /** The most rows, by the options. */
  readonly maxBatchSize: number;
  /** The most rows for now: less where the target latency wants it so. */
  readonly limit: number;
  readonly preferredBatchSizes: ReadonlySet<number> | undefined;
  readonly delayMicros: number;
  /** Whether requests of other buckets wait. */
  readonly others: boolean;
  readonly now: number;
}

export interface Plan<Payload, Result> {
  readonly requests: QueuedRequest<Payload, Result>[];
  readonly reason: CloseReason;
}

/** The next batch of a bucket, whose requests stay in it; or the time at which there will be one. */
export function plan<Payload, Result>(
  bucket: Bucket<Payload, Result>,
  { maxBatchSize, limit, preferredBatchSizes, delayMicros, others, now }: FormingRules,
): Plan<Payload, Result> | number {
  const requests: QueuedRequest<Payload, Result>[] = [];
  let rows = 0;
  let preferred = 0;
  let ended = false;
  const queue = bucket.inOrder();
  for (let request = queue.next(); request !== undefined; request = queue.next()) {
    if (request.alone && requests.length === 0) return { requests: [request], reason: 'alone' };
    // A request may have more rows than the limit of the moment, but it has no more than a batch may have.
    ended = request.alone || (rows > 0 && rows + request.rows > limit);
    if (ended) break;
    requests.push(request);
    rows += request.rows;
    if (preferredBatchSizes?.has(rows)) preferred = requests.length;
    ended = rows >= limit;
    if (ended) break;
  }
  if (preferred > 0) {
    requests.length = preferred;
    return { requests, reason: 'preferred' };
  }
  if (ended) return { requests, reason: limit < maxBatchSize ? 'adaptive' : 'full' };
  if (delayMicros === 0) return { requests, reason: others ? 'shape' : 'laneFree' };
  const readyAt = bucket.oldest() + delayMicros;
  return readyAt <= now ? { requests, reason: 'delay' } : readyAt;
}
