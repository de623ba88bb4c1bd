// The package beside onnxruntime-node itself, each in a process of its own: the same cases come to the same ends, but for those that are
// listed here with the reason why not.

import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runNode } from '../../../test/support/processes.js';
import { folderOfModels } from './models.js';

const folder = folderOfModels();
const child = fileURLToPath(new URL('./beside/child.mjs', import.meta.url));

type Outcome = { gives: unknown } | { throws: string; code: unknown };

async function outcomes(name: string, group: string): Promise<Record<string, Outcome>> {
  const { code, stdout, stderr } = await runNode([child, name, folder, group]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

const taken = 'what onnxruntime-node cannot take is taken';
const read = 'inputs are read when run is called, and not once more';

/** By group and case. */
const different: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  create: {
    'shared memory': taken,
    'bytes in shared memory': taken,
    'frozen options': taken,
    'a path with a zero': 'it is refused, and not cut at the zero',
  },
  options: {
    'providers ["webgpu"]': "the message of ONNX Runtime's provider begins with a line of its source",
    'providers ["webgpu","cpu"]': 'the same',
    'providers come first': 'whether there is a CUDA device is asked when all options have been looked at',
    'weights in floats': taken,
  },
  run: {
    'in shared memory': taken,
    'a sequence comes out': taken,
    'to be filled, of a free size that is another':
      'the message does not begin with the node, which tensorlane is not told',
    'changed after the call': read,
    'disposed after the call': read,
  },
  elements: {
    bfloat16: taken,
    'bool of 2': 'a bool is 0 or 1: the operators of ONNX Runtime compare bytes',
    'a string with a zero': 'a string is not cut at a zero',
    'strings to be filled': taken,
  },
  common: {},
  life: {
    'released while it runs': 'a session finishes what it has accepted',
  },
};

describe.each(Object.keys(different))('%s', (group) => {
  test('is as in onnxruntime-node', async () => {
    const [theirs, ours] = await Promise.all([
      outcomes('onnxruntime-node', group),
      outcomes('@tensorlane/onnxruntime', group),
    ]);
    expect(Object.keys(ours)).toEqual(Object.keys(theirs));
    const equal = (title: string) => JSON.stringify(ours[title]) === JSON.stringify(theirs[title]);
    const differing = Object.keys(theirs).filter((title) => !equal(title));
    const unforeseen = differing.filter((title) => !(title in different[group]!));
    const of = (all: Record<string, Outcome>) => Object.fromEntries(unforeseen.map((title) => [title, all[title]]));
    expect(of(ours)).toEqual(of(theirs));
    expect(differing.sort()).toEqual(Object.keys(different[group]!).sort());
    const refused = differing.filter((title) => different[group]![title] === taken && 'throws' in ours[title]!);
    expect(refused).toEqual([]);
  });
});
