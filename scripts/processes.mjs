// Running other programs from the scripts.
import { spawn } from 'node:child_process';
import { inRoot } from './setup/run.mjs';

/**
 * Runs a command in the repository's root. Its output is shown as it comes; with `keep` it is collected instead, and with
 * both it is shown and collected. Resolves to { ok, output }, whatever happens.
 */
export function runProgram([command, ...args], { env = {}, show = true, keep = false, timeout = 0 } = {}) {
  return new Promise((resolve) => {
    const out = keep || !show ? 'pipe' : 'inherit';
    const child = spawn(command, args, {
      cwd: inRoot(),
      env: { ...process.env, ...env },
      stdio: ['ignore', out, out],
      timeout,
      killSignal: 'SIGKILL',
    });
    let output = '';
    const pass = (to) => (chunk) => {
      if (show) to.write(chunk);
      output += chunk;
    };
    child.stdout?.on('data', pass(process.stdout));
    child.stderr?.on('data', pass(process.stderr));
    const end = (ok, problem) => {
      if (problem) console.error(`${command}: ${problem}`);
      resolve({ ok, output });
    };
    child.on('error', (error) => end(false, error.message));
    child.on('close', (code, signal) => end(code === 0, signal && `ended by ${signal}`));
  });
}
