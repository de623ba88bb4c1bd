// The suite `defaults` finds the best of the settings that can differ, and says when a server had got there.

import { expect, test } from 'vitest';
import { drawCourses, lines } from '../../bench/defaults/chart.js';
import { chainGrid, grid, halve, type Joint, name } from '../../bench/defaults/grid.js';
import { settledAfter } from '../../bench/defaults/settled.js';
import { phasedLoop } from '../../bench/load/phases.js';

test('the whole grid has every setting once; fewer callers leave out what cannot differ', () => {
  expect(grid(2, 64)).toHaveLength(24);
  expect(grid(16, 64)).toHaveLength(36);
  expect(grid(1, 64)).toHaveLength(12);
  expect(new Set(grid(16, 64).map(name)).size).toBe(36);
  expect(grid(2, 1)).toEqual([[{ rows: 1, lanes: 1, threads: 1 }], [{ rows: 1, lanes: 1, threads: 2 }]]);
  expect(Math.max(...grid(2, 8).map(([setting]) => setting?.rows ?? 0))).toBe(8);
  expect(new Set(chainGrid(2, 1).map(name)).size).toBe(chainGrid(2, 1).length);
  expect(chainGrid(2, 64)).toHaveLength(16);
});

test('the best comes first, though its first round was a slow one; every setting that was tried is told', async () => {
  const joints = grid(2, 64);
  const rates = new Map(joints.map((joint, i) => [name(joint), i === 7 ? 100 : i]));
  const rounds = new Map<string, number>();
  const tried = await halve(joints, 2, async (joint: Joint) => {
    const key = name(joint);
    const round = (rounds.get(key) ?? 0) + 1;
    rounds.set(key, round);
    const rate = rates.get(key) ?? 0;
    return rate === 100 && round === 1 ? 20 : rate;
  });
  expect(tried.map(({ joint }) => name(joint)).toSorted()).toEqual(joints.map(name).toSorted());
  expect(name((tried[0] as (typeof tried)[0]).joint)).toBe(name(joints[7] as Joint));
  expect(tried.at(-1)?.throughput).toHaveLength(1);
});

test('settled from the first window with enough answers; never settled is the whole time', () => {
  const answers = [0, 0, 4, 10, 10, 10, 10];
  expect(settledAfter({ spanMs: 100, answers }, 200, 100)).toBe(300);
  expect(settledAfter({ spanMs: 100, answers }, 200, 60)).toBe(200);
  expect(settledAfter({ spanMs: 100, answers }, 200, 101)).toBe(700);
});

test('callers come and go with the phases, and a failure is passed on', async () => {
  let running = 0;
  const most: number[] = [];
  const request = async () => {
    running++;
    most.push(running);
    await new Promise((resolve) => setTimeout(resolve, 2));
    running--;
  };
  const counts = await phasedLoop(
    request,
    [3, 5].map((callers) => ({ callers, ms: 40 })),
    10,
  );
  expect(counts.map((spans) => spans.length)).toEqual([4, 4]);
  expect(Math.max(...most)).toBe(5);
  expect(most.slice(0, 6).every((count) => count <= 3)).toBe(true);
  const failing = phasedLoop(() => Promise.reject(new Error('no')), [{ callers: 2, ms: 5 }], 5);
  await expect(failing).rejects.toThrow('no');
});

test('a chart has the mean of answers a second over the phases, and the same figures give the same picture', () => {
  const phases = [
    { callers: 64, best: 100, answers: [0, 0, 0, 0, 5, 5, 5, 5, 5, 5] },
    { callers: 1, best: 40, answers: [2, 2, 2, 2, 2] },
  ];
  const course = { spanMs: 50, phases };
  expect(lines(course).learned).toEqual([
    [0.125, 20],
    [0.375, 100],
    [0.625, 40],
  ]);
  expect(lines(course).best).toEqual([
    [0, 100],
    [0.5, 100],
    [0.5, 40],
    [0.75, 40],
  ]);
  const picture = drawCourses({ 'a model': course, another: course });
  expect(picture).toMatch(/^<svg/);
  expect(picture).toContain('a model: 64, then 1 callers');
  expect(drawCourses({ 'a model': course, another: course })).toBe(picture);
});
