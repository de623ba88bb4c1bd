// What may take a process down is tried in another one, which says over IPC what it found, or why it failed.

import { join } from 'node:path';
import { packageRoot } from './own-package.js';

export type Trial<T> = { readonly found: T } | { readonly problem: string };

const limitMs = 60_000;

/**
 * Runs a program of dist/ that ends with `answer`, with a minute's time; never rejects. A process that ends by a signal has
 * failed, whatever it answered before.
 */
export function tryApart<T>(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Trial<T>> {
  // Most processes try nothing, and loading it takes milliseconds.
  const { spawn } = process.getBuiltinModule('node:child_process');
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(packageRoot, 'dist', program), ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    let told: Trial<T> | undefined;
    let stderr = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-4096);
    });
    child.on('message', (message) => {
      told = message as Trial<T>;
    });
    child.on('error', ({ message }) => resolve({ problem: `it could not be tried: ${message}` }));
    child.on('close', (code, signal) => {
      if (signal !== null) return resolve({ problem: `the process that tried it ended by ${signal}` });
      // Such as the dynamic linker's word, with which it ends a process.
      const last = stderr.trim().split('\n').at(-1);
      resolve(told ?? { problem: last || `the process that tried it ended with exit code ${code}` });
    });
  });
}

/** In that process: does the work, and tells the parent. */
export async function answer<T>(work: () => Promise<T>): Promise<void> {
  let trial: Trial<T>;
  try {
    trial = { found: await work() };
  } catch (error) {
    trial = { problem: (error as Error).message };
  }
  process.send!(trial);
}
