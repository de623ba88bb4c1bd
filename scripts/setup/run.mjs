// What every set-up step needs: running a command with its output kept, and one set-up at a time.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { endPrograms, inRoot, runProgram } from '../processes.mjs';

export { inRoot };

/** A failure that a person can act upon: its message is all there is to print. */
export class SetupError extends Error {}

/** Runs one titled step and prints one line with the time it took. On a terminal, the title shows meanwhile. */
export async function step(title, work, who = 'setup') {
  const started = performance.now();
  if (process.stdout.isTTY) process.stdout.write(`  ${title} ...`);
  try {
    await work();
  } catch (error) {
    if (process.stdout.isTTY) process.stdout.write('\n');
    throw error;
  }
  const line = `${title} (${((performance.now() - started) / 1000).toFixed(1)} s)`;
  process.stdout.write(`${process.stdout.isTTY ? '\r\x1b[K' : ''}${who}: ${line}\n`);
}

/**
 * Runs a command with its output in build/setup-<log>.log. If it fails, throws a SetupError with the end of that output
 * and `hint`.
 * @param {string} log
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ hint?: string } & import('../processes.mjs').RunOptions} [options]
 */
export async function run(log, command, args, { hint = '', ...options } = {}) {
  const file = inRoot('build', `setup-${log}.log`);
  // Only sudo may want to ask something.
  const { ok, status, output } = await runProgram([command, ...args], { interactive: true, ...options, log: file });
  if (ok) return;
  const end = output.trimEnd().split('\n').slice(-30).join('\n');
  throw new SetupError(
    [
      `This failed (${status}): ${command} ${args.join(' ')}`,
      end ? end.replace(/^/gm, '  | ') : '',
      `The whole output is in ${path.relative(process.cwd(), file)}.`,
      hint,
    ]
      .filter(Boolean)
      .join('\n'),
  );
}

/** Two set-ups in one tree would spoil each other's node_modules and build. Resolves to a function that lets go. */
export async function takeLock() {
  const lock = inRoot('build', '.setup', 'lock');
  const owner = path.join(lock, 'pid');
  mkdirSync(path.dirname(lock), { recursive: true });
  for (let told = false; ; ) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (isStale(lock, owner)) {
      rmSync(lock, { recursive: true, force: true });
      continue;
    }
    if (!told) console.log('setup: waiting for another set-up of this directory to end');
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  writeFileSync(owner, String(process.pid));
  const release = () => rmSync(lock, { recursive: true, force: true });
  const onExit = () => {
    endPrograms();
    release();
  };
  const onSignal = () => process.exit(130);
  process.once('exit', onExit);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, onSignal);
  return () => {
    process.off('exit', onExit);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, onSignal);
    release();
  };
}

function isStale(lock, owner) {
  try {
    process.kill(Number(readFileSync(owner, 'utf8')), 0);
    return false;
  } catch (error) {
    if (error.code === 'ESRCH') return true;
    if (error.code !== 'ENOENT') return false;
  }
  try {
    // Its owner has not written its number yet, or died just before.
    return Date.now() - statSync(lock).mtimeMs > 10_000;
  } catch {
    return false;
  }
}
