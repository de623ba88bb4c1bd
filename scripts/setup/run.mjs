// What every set-up step needs: running a command with its output kept, and one set-up at a time.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
export const inRoot = (...parts) => path.join(root, ...parts);

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

let running;

/**
 * Runs a command with its output in build/setup-<log>.log. If it fails, throws a SetupError with the end of that output
 * and `hint`.
 */
export async function run(log, command, args, { env = {}, hint = '' } = {}) {
  const file = inRoot('build', `setup-${log}.log`);
  mkdirSync(path.dirname(file), { recursive: true });
  const out = createWriteStream(file, { flags: 'a' });
  out.write(`\n$ ${command} ${args.join(' ')}\n`);
  let tail = '';
  const code = await new Promise((resolve) => {
    // Only sudo may want to ask something, and only where somebody can answer.
    const stdin = process.stdin.isTTY ? 'inherit' : 'ignore';
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: [stdin, 'pipe', 'pipe'] });
    running = child;
    const keep = (chunk) => {
      out.write(chunk);
      tail = (tail + chunk).slice(-8000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => {
      keep(`${error.message}\n`);
      resolve(127);
    });
    child.on('close', (status, signal) => resolve(status ?? signal));
  });
  running = undefined;
  await new Promise((resolve) => out.end(resolve));
  if (code === 0) return;
  const end = tail.trimEnd().split('\n').slice(-30).join('\n');
  throw new SetupError(
    [
      `This failed (${code}): ${command} ${args.join(' ')}`,
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
    running?.kill();
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
