// Memory of results is used again when they have been collected; nobody notices but by how soon the next ones are there.

import { describe, expect, it } from 'vitest';
import { expectOutcome, spawnChild } from './support.js';

async function linesOf(kind: string): Promise<readonly string[]> {
  const outcome = await spawnChild('kept-memory.mjs', { args: [kind], nodeArgs: ['--expose-gc'], takesMs: 20_000 });
  expectOutcome(outcome, { code: 0, printed: ['done'] });
  return outcome.stdout.trim().split('\n').slice(0, -1);
}

describe('the memory of results', () => {
  it.each<[string, string, readonly string[]]>([
    ['is not used again while anybody holds a part of one', 'held', ['some were kept', '0 of 24 are wrong']],
    ['is used again after that', 'reused', ['a result took what was kept']],
    ['is given back after a second without use', 'idle', ['given back', 'true']],
    ['is given back by trim()', 'trim', ['given back']],
    ['is not told to V8 while it is kept', 'external', ['true', 'true']],
    [
      'is whole where worker_threads end with theirs',
      'workers',
      [...Array.from({ length: 5 }, () => 'ended with 0, 0'), '0 of 20 are wrong'],
    ],
  ])('%s', async (_, kind, expected) => expect(await linesOf(kind)).toEqual(expected));
});
