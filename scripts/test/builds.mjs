// What the tests need built, besides what the set-up builds.
import { availableParallelism } from 'node:os';
import { run } from '../setup/run.mjs';
import { emulatedAddon } from '../setup/steps.mjs';
import { doSteps } from '../setup.mjs';

/** Builds a target of a build folder, and tells every 15 s how far it is. */
export async function buildTarget(folder, target, report) {
  let told = performance.now();
  const onLine = (line) => {
    const [, done, all] = /^\[(\d+)\/(\d+)\]/.exec(line) ?? [];
    if (!done || performance.now() - told < 15_000) return;
    told = performance.now();
    report(`built ${done} of ${all}`);
  };
  const jobs = String(availableParallelism());
  await run('tests', 'cmake', ['--build', folder, '--target', target, '--parallel', jobs], { onLine, quietly: true });
}

export const buildEmulatedAddon = () => doSteps([emulatedAddon]);
