import { describe, expect, test } from 'vitest';
import { drawChart, drawPage, type LoadPoint, tableRows } from '../../bench/load/chart.js';
import type { Summary } from '../../bench/load/summary.js';
import { isSustained, nextRate, sustainedRate } from '../../bench/load/sustained.js';

function summary(offered: number, achieved: number, p95: number, unsent = 0): Summary {
  return {
    offered,
    achieved,
    counts: { answered: 4 * offered, unanswered: 0, unsent, shed: 0, failed: 0 },
    latencyMs: { p50: p95 / 2, p95, p99: p95, p999: p95 },
    sender: { lateP50: 0, lateP99: 0, tooLate: false },
    failure: undefined,
  };
}

/** A server that answers `capacity` requests a second and no more. */
function point(rate: number, capacity: number): LoadPoint {
  const measured = summary(rate, Math.min(rate, capacity), 20);
  return { rate, summary: measured, sustained: isSustained(measured) };
}

describe('the rate that a server sustains', () => {
  test('answers nearly all, all of them in the end, within a second', () => {
    expect(isSustained(summary(100, 98, 20))).toBe(true);
    expect(isSustained(summary(100, 96, 20))).toBe(false);
    expect(isSustained(summary(100, 100, 1001))).toBe(false);
    expect(isSustained(summary(100, 100, 20, 1))).toBe(false);
    // Two of twenty requests that were answered a little later than the time was over.
    expect(isSustained(summary(5, 4.5, 20))).toBe(true);
  });

  test('is narrowed down to a tenth', () => {
    for (const capacity of [13, 70, 333, 1900]) {
      const points = [50, 100, 400, 2000].map((rate) => point(rate, capacity));
      for (let rate = nextRate(sustainedRate(points)); rate !== undefined; rate = nextRate(sustainedRate(points))) {
        points.push(point(rate, capacity));
        expect(points.length).toBeLessThan(12);
      }
      const { rate, collapse } = sustainedRate(points);
      expect(rate * 0.97 - 0.75).toBeLessThanOrEqual(capacity);
      expect((collapse as number) * 0.97 - 0.75).toBeGreaterThan(capacity);
      expect((collapse as number) / rate).toBeLessThanOrEqual(1.1);
    }
  });

  test('has no collapse where every rate was sustained', () => {
    expect(sustainedRate([point(50, 100), point(100, 100)])).toEqual({ rate: 100, collapse: undefined });
    expect(nextRate({ rate: 100, collapse: undefined })).toBeUndefined();
  });
});

test('the chart has a line for each percentile of each way, and the page a row for each point', () => {
  const chart = {
    title: 'latency <&> load',
    notes: ['"noted"'],
    series: [
      { name: 'first', points: [point(50, 100), point(200, 100)] },
      { name: 'second', points: [point(50, 100)] },
    ],
  };
  const svg = drawChart(chart);
  for (const name of ['first', 'second', 'p50; dashed: p95']) expect(svg).toContain(name);
  expect(svg.match(/stroke-dasharray/g)).toHaveLength(2);
  expect(drawChart(chart)).toBe(svg);
  expect(tableRows(chart.series)).toHaveLength(3);
  const page = drawPage(chart);
  expect(page).toContain('latency &lt;&amp;&gt; load');
  expect(page.match(/<tr><td>/g)).toHaveLength(3);
});
