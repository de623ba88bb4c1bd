// What `tensorlane doctor` tries, each in a process of its own, and what helps where it fails.

import { type Driver, oldestDriver, runs } from '../../addon/driver.js';
import { tryApart } from '../../addon/trial.js';
import { kernelsAdvice, processorFlags } from './kernels.js';
import type { Check, Found } from './probe.js';

export const about: Readonly<Record<Check, string>> = {
  cpu: 'linear algebra on the CPU',
  models: 'models on the CPU',
  cuda: 'linear algebra on a GPU',
};

export interface Outcome {
  readonly check: Check;
  readonly ok: boolean;
  /** What works, or why it does not. */
  readonly what: string;
  readonly libraries: readonly string[];
  /** What to do, in a line. */
  readonly advice?: string;
}

export async function tryOut(check: Check, driver: Driver | null): Promise<Outcome> {
  const trial = await tryApart<Found>('cli/doctor/probe.js', [check]);
  if ('found' in trial) {
    const advice = check === 'cpu' ? kernelsAdvice(trial.found.what, processorFlags()) : undefined;
    return { check, ok: true, ...trial.found, ...(advice && { advice }) };
  }
  return { check, ok: false, what: trial.problem, libraries: [], ...advised(check, trial.problem, driver) };
}

function advised(check: Check, reason: string, driver: Driver | null): { advice?: string } {
  if (check !== 'cuda') return {}; // the reason says what helps
  if (driver === null) {
    return {
      advice: `install NVIDIA's driver on this machine: ${oldestDriver[13]} or newer runs CUDA 13, ${oldestDriver[12]} CUDA 12`,
    };
  }
  if (driver.cuda === undefined) return {};
  if (driver.cuda === null) {
    return { advice: 'in a container, start it with the GPU: docker run --gpus all (NVIDIA Container Toolkit)' };
  }
  if (!runs(driver.cuda, 12)) {
    return {
      advice: `NVIDIA's driver is too old: ${oldestDriver[12]} runs CUDA 12, and ${oldestDriver[13]} CUDA 13`,
    };
  }
  if (/cublas|cusolver|nvrtc/i.test(reason)) return { advice: 'npx tensorlane setup cuda' };
  return {};
}
