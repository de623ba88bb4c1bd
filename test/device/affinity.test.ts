// Lanes that are bound to cores, as the system tells of their threads.

import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { open } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { lanesCores } from '../../lib/device/affinity.js';
import { runNode } from '../support/processes.js';

describe('which cores', () => {
  const usable = () => [2, 3, 5];

  test('lanes have in turns', () => {
    expect(lanesCores(undefined, usable)).toEqual([]);
    expect(lanesCores(false, usable)).toEqual([]);
    expect(lanesCores(true, usable)).toEqual([[2], [3], [5]]);
    expect(lanesCores([5, [2, 3]], usable)).toEqual([[5], [2, 3]]);
  });

  test.each([[[]], [[[]]], [[1]], [[2, 9]], [['2']], ['all'], [2], [null], [[2.5]], [{}]])('refuses %j', (given) => {
    expect(() => lanesCores(given, usable)).toThrow(/open: affinity must be true or.*\(2, 3, 5\).*got/);
  });

  test('that a process may not run on are refused by open', async () => {
    await expect(open({ device: 'cpu', affinity: [8000] })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });
});

/** Tells of its lanes when they are on as many sets of cores as are waited for, as a thread that has just begun is not bound yet; or at last. */
const program = (affinity: unknown, sets: number) => `
  const { readdirSync, readFileSync } = require('node:fs');
  import('tensorlane').then(async ({ open, tensor }) => {
    const device = await open({ device: 'cpu', streams: 2, affinity: ${JSON.stringify(affinity)} });
    // All lanes at work, so that each is at the thread that it has for that.
    await Promise.all(Array.from({ length: 4 }, () => device.linalg.svd(tensor(Float32Array.from({ length: 65536 }, (_, i) => Math.sin(i * i)), [256, 256]))));
    const look = () => readdirSync('/proc/self/task').flatMap((id) => {
      const read = (file) => readFileSync('/proc/self/task/' + id + '/' + file, 'utf8');
      return read('comm').trim() === 'lane' ? [/Cpus_allowed_list:\\s*(.*)/.exec(read('status'))[1]] : [];
    });
    let lanes = look();
    for (let i = 0; i < 500 && !(lanes.length === 3 && new Set(lanes).size === ${sets}); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      lanes = look();
    }
    const { threads } = device.info;
    await device.dispose();
    console.log(JSON.stringify({ lanes, threads, own: /Cpus_allowed_list:\\s*(.*)/.exec(readFileSync('/proc/self/status', 'utf8'))[1] }));
  });`;

const cores = /Cpus_allowed_list:\s*(.*)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
const hasTwo = availableParallelism() >= 2 && readdirSync('/proc/self/task').length > 0;

describe.skipIf(!hasTwo)('threads', () => {
  interface Found {
    readonly lanes: string[];
    readonly threads: number;
    readonly own: string;
  }

  async function found(affinity: unknown, sets: number): Promise<Found> {
    const { stdout, stderr } = await runNode(['--eval', program(affinity, sets)]);
    expect(stderr).toBe('');
    return JSON.parse(stdout) as Found;
  }

  test('of lanes are on cores of their own, and others where they were', async () => {
    const { lanes, threads, own } = await found(true, 3);
    // The third is that of small operations, which is bound to none.
    expect(new Set(lanes).size).toBe(3);
    expect(lanes.filter((lane) => lane === cores)).toHaveLength(1);
    expect(lanes.filter((lane) => /^\d+$/.test(lane))).toHaveLength(2);
    expect(own).toBe(cores);
    expect(threads, 'a bound lane is not all that the process has').toBeGreaterThanOrEqual(1);
  });

  test('are where the system places them, by default', async () => {
    const { lanes } = await found(undefined, 1);
    expect(new Set(lanes)).toEqual(new Set([cores]));
  });
});
