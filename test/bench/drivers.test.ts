// What bench/drivers makes of what it measured.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { filledTable, firstGain, lastGain } from '../../bench/drivers/table.js';

const ratios = (...all: number[]) => all.map((ratio, i) => ({ size: 2 ** i, ratio }));

test('the last size of an unbroken gain, and the first one of a gain that lasts', () => {
  expect(lastGain(ratios(3, 2, 0.9, 2))).toBe(2);
  expect(lastGain(ratios(0.9, 2))).toBe(0);
  expect(lastGain([...ratios(3, 2, 1.1)].reverse())).toBe(4);
  expect(firstGain(ratios(2, 1, 1.2, 2))).toBe(4);
  expect(firstGain(ratios(2, 1.5, 1.02))).toBeUndefined();
  expect(firstGain(ratios(1.2, 1.5))).toBe(1);
});

test('the table that is compiled is filled by name, and what was not measured stays', () => {
  const header = readFileSync(new URL('../../native/device/driver_table.h', import.meta.url), 'utf8');
  const constants = { kTransposedElements: 1_250_000, kJacobiPlainFloat64: 12 };
  const filled = filledTable(header, { part: 'CPU', by: 'one machine', constants });
  expect(filled).toContain("kTransposedElements = 1'250'000;");
  expect(filled).toContain('kJacobiPlainFloat64 = 12;');
  expect(filled).toContain('// CPU: one machine\n');
  const others = (text: string) =>
    text.split('\n').filter((line) => !/CPU: |TransposedElements|PlainFloat64/.test(line));
  expect(others(filled)).toEqual(others(header));
  expect(() => filledTable(header, { part: 'CUDA', by: '', constants: { kNothing: 1 } })).toThrow(/kNothing/);
});
