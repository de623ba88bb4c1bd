// The figures of a run go into pages where these ask for them, and nothing else of a page changes.

import { expect, test } from 'vitest';
import { filled } from '../../bench/pages.js';
import type { Report } from '../../bench/report.js';

const figure = {
  suite: 'dense',
  name: 'throughput ratio',
  unit: 'x',
  median: 7.3456,
  min: 7,
  max: 8,
  samples: 5,
  target: { is: '>=', value: 5 },
  verdict: 'ok',
  remark: null,
} as const;
const report: Report = {
  date: '2030-01-02T03:04:05.000Z',
  mode: 'full',
  machine: { cpu: 'a processor', cores: 2, memoryGiB: 8, kernel: 'Linux 1', node: 'v20.0.0' },
  versions: { tensorlane: '1.0.0' },
  suites: ['dense', 'svd'],
  whole: true,
  usedByOthers: {},
  details: {},
  figures: [figure, { ...figure, suite: 'svd', name: 'speed', median: 0.5, verdict: 'short' }],
};
const page = (wanted: string) => `before\n<!-- figures: ${wanted} -->\nold\n<!-- end of figures -->\nafter\n`;

test('the figures that are named', () => {
  const text = filled(page('svd/speed'), report);
  expect(text).toContain('| svd: speed | 0.5 x | >= 5 x | **missed** |');
  expect(text).not.toContain('old');
  expect(text).not.toContain('dense');
  expect(text.startsWith('before\n')).toBe(true);
  expect(text.endsWith('<!-- end of figures -->\nafter\n')).toBe(true);
});

test('all figures, with the machine; filling again changes nothing', () => {
  const text = filled(page('all'), report);
  expect(text).toContain('| dense | throughput ratio | 7.35 x | 7 to 8, n = 5 | >= 5 x | met |');
  expect(text).toContain('2030-01-02, 2 cores of a processor, 8 GiB');
  expect(filled(text, report)).toBe(text);
});

test('what is of a suite that did not run, or of all of them, stays as it was', () => {
  const some = { ...report, suites: ['svd'], whole: false };
  for (const wanted of ['dense/throughput ratio; svd/speed', 'all']) {
    expect(filled(page(wanted), some)).toBe(page(wanted));
  }
  expect(filled(page('svd/speed'), some)).toContain('| svd: speed | 0.5 x |');
});

test('a figure that no suite gave is an error that names it', () => {
  expect(() => filled(page('svd/sped'), report)).toThrow('"svd/sped"');
});

test('the chart is asked for where the run has what it is drawn of', () => {
  const marks = '<!-- chart: defaults -->\n<!-- end of chart -->\n';
  expect(filled(marks, report)).toBe(marks);
  const course = { spanMs: 50, phases: [{ callers: 64, best: 100, answers: [1, 5] }] };
  const text = filled(marks, { ...report, details: { defaults: { 'dense 4x2048': { course } } } });
  expect(text).toContain('(defaults.svg)');
  expect(text).toContain('dense 4x2048');
});
