// Latencies are counted in buckets that are the same everywhere, so that those of several processes can be added up.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LatencyBuckets, LatencyHistogram } from '../../lib/core/latency.js';

const anHour = 3.6e9;
const latencies = fc.array(
  fc.oneof(fc.double({ min: 0, max: 2e7, noNaN: true }), fc.constantFrom(50, 50.5, 1e7, 1e7 + 1, anHour * 2, 0)),
);

describe('buckets', () => {
  test('have all that took at most as long, and the sum is that of all', () => {
    fc.assert(
      fc.property(latencies, (all) => {
        const histogram = new LatencyHistogram();
        const buckets = new LatencyBuckets();
        for (const micros of all) {
          histogram.record(micros);
          buckets.record(micros);
        }
        const { count, sum, buckets: own } = histogram.summary();
        expect({ count, sum, buckets: own }).toEqual(buckets.summary());
        expect(count).toBe(all.length);
        expect(sum).toBeCloseTo(
          all.reduce((total, micros) => total + micros, 0),
          3,
        );
        expect(own.counts).toEqual(own.upTo.map((most) => all.filter((micros) => micros <= most).length));
      }),
    );
  });

  test('are ascending, from 50 us to 10 s, and the same for all', () => {
    const { upTo } = new LatencyBuckets().summary().buckets;
    expect([upTo[0], upTo.at(-1)]).toEqual([50, 1e7]);
    expect(upTo).toEqual([...upTo].sort((a, b) => a - b));
    expect(new LatencyHistogram().summary().buckets.upTo).toBe(upTo);
    expect(Object.isFrozen(upTo), 'whoever reads them could change them for all').toBe(true);
  });

  test('of what was given out do not change', () => {
    const buckets = new LatencyBuckets();
    buckets.record(60);
    const before = buckets.summary();
    buckets.record(60);
    expect(before.count + before.buckets.counts[1]!).toBe(2);
  });

  test('take what a clock that was set back gives for nothing', () => {
    const histogram = new LatencyHistogram();
    histogram.record(-5);
    expect(histogram.summary()).toMatchObject({ count: 1, sum: 0 });
    expect(histogram.summary().buckets.counts[0]).toBe(1);
  });
});
