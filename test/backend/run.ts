// All backend tests on a runtime, in processes of their own: one that crashes ends only itself.

import { fileURLToPath } from 'node:url';
import { runNode } from '../support/processes.js';
import { casesIn } from './cases.js';
import type { Outcome, Result } from './outcome.js';

export type Engine = 'tensorlane' | 'onnxruntime-node' | '@tensorlane/onnxruntime';

const child = fileURLToPath(new URL('./child.ts', import.meta.url));
/** Tests a process: what leaks or lingers in a runtime must not add up to a fault of its own. */
const chunk = 300;

export async function runBackendTests(engine: Engine, folder: string): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const all = casesIn(folder);
  while (outcomes.size < all.length) {
    const from = outcomes.size;
    const to = Math.min(from + chunk, all.length);
    const args = ['--import', 'tsx', child, engine, folder, String(from), String(to)];
    const { stdout, stderr, code, signal } = await runNode(args, { takesMs: 600_000 });
    const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
    let begun: string | undefined;
    for (const line of lines) {
      const told = JSON.parse(line) as Outcome & { begins?: string; ended?: true };
      if (told.begins !== undefined) begun = told.begins;
      else if (told.ended === undefined) {
        outcomes.set(told.name, told);
        begun = undefined;
      }
    }
    const end = `${signal ?? code}: ${stderr.trim().split('\n').at(-1)}`;
    if (begun !== undefined) outcomes.set(begun, { name: begun, result: 'crashed', detail: end });
    else if (outcomes.size === from) throw new Error(`${engine}: a process ended with ${end}\n${stderr}`);
  }
  return outcomes;
}

export const results: readonly Result[] = ['pass', 'differ', 'failed', 'refused', 'crashed', 'unreadable'];

export function counts(outcomes: ReadonlyMap<string, Outcome>): Record<Result, number> {
  const count = Object.fromEntries(results.map((result) => [result, 0])) as Record<Result, number>;
  for (const { result } of outcomes.values()) count[result]++;
  return count;
}

/** Where a test's answer is not as good as that of the other runtime. */
export function worse(own: ReadonlyMap<string, Outcome>, other: ReadonlyMap<string, Outcome>): Outcome[] {
  return [...own.values()].filter(({ name, result }) => result !== 'pass' && other.get(name)?.result === 'pass');
}

/** Where a stand-in for the other runtime does otherwise than that: what that answers, rightly or not, it is to answer in the same way. */
export function unlike(own: ReadonlyMap<string, Outcome>, other: ReadonlyMap<string, Outcome>): Outcome[] {
  return [...own.values()].filter(({ name, result, detail }) => {
    const theirs = other.get(name);
    const answered = theirs?.result === 'pass' || theirs?.result === 'differ';
    return answered && !(result === theirs.result && detail === theirs.detail);
  });
}
