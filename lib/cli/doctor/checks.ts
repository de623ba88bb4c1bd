// What `tensorlane doctor` tries, each in a process of its own, and what helps where it fails.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findDriver, oldestDriver } from '../../addon/driver.js';
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

const limitMs = 60_000;

export async function tryOut(check: Check): Promise<Outcome> {
  const probe = fileURLToPath(new URL('./probe.js', import.meta.url));
  const { code, signal, stdout, stderr } = await run([probe, check]);
  if (code === 0) return { check, ok: true, ...(JSON.parse(stdout) as Found) };
  const what = signal === null ? reasonIn(stderr) : `the process that tried it ended by ${signal}`;
  return { check, ok: false, what, libraries: [], ...advised(check, what) };
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** The message of the error that a process ended with. */
function reasonIn(stderr: string): string {
  const told = /^(?:\w*Error)(?: \[\w+\])?: (.*)$/m.exec(stderr)?.[1];
  return told ?? (stderr.trim().split('\n').at(-1) || 'it ended without a word');
}

function advised(check: Check, reason: string): { advice?: string } {
  if (check !== 'cuda') return {}; // the reason says what helps
  const driver = findDriver();
  if (driver === undefined)
    return { advice: `install NVIDIA's driver, ${oldestDriver[13]} or newer for CUDA 13, on this machine` };
  if (driver.version !== undefined && driver.cuda === undefined) {
    return {
      advice: `NVIDIA's driver ${driver.version} is too old: ${oldestDriver[12]} runs CUDA 12, and ${oldestDriver[13]} CUDA 13`,
    };
  }
  if (/libcuda\.so/.test(reason)) {
    return { advice: 'in a container, start it with the GPU: docker run --gpus all (NVIDIA Container Toolkit)' };
  }
  if (/cublas|cusolver|nvrtc/i.test(reason)) return { advice: 'npx tensorlane setup cuda' };
  return {};
}
