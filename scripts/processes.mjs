// How the scripts start other programs, all of them: `runProgram` waits for one without blocking, `ask` is for a short question.
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
export const inRoot = (...parts) => path.join(root, ...parts);

const running = new Set();

/** Ends what is running, for a script that is told to end. */
export function endPrograms() {
  for (const child of running) child.kill();
}

/**
 * Runs a command, in the repository's root where nothing else is said, and resolves to { ok, status, output } whatever happens; `status` is its exit code,
 * or the signal that ended it, or 127 where it could not be started.
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env] added to this process's own
 * @property {boolean} [show] its output is shown as it comes; true unless `onLine` or `log` is there
 * @property {(line: string) => void} [onLine] gets its output line by line
 * @property {string} [log] a file to which its output is appended
 * @property {boolean} [interactive] it may ask something, where somebody can answer
 * @property {boolean} [quietly] gives way to all else that runs
 * @property {number} [timeout] milliseconds, after which it is killed
 *
 * @param {readonly string[]} command the program and its arguments
 * @param {RunOptions} [options]
 * @returns {Promise<{ ok: boolean, status: number | string, output: string }>}
 */
export async function runProgram(command, options = {}) {
  const { env = {}, onLine, log, interactive = false, quietly = false, timeout = 0 } = options;
  const { show = !onLine && !log } = options;
  const [program, ...args] = quietly && process.platform !== 'win32' ? ['nice', '-n', '10', ...command] : command;
  let file;
  if (log) {
    mkdirSync(path.dirname(log), { recursive: true });
    file = createWriteStream(log, { flags: 'a' });
    file.write(`\n$ ${command.join(' ')}\n`);
  }
  let output = '';
  const lines = lineByLine((line) => onLine?.(line));
  const take = (chunk, to) => {
    if (show) to?.write(chunk);
    file?.write(chunk);
    output += chunk;
    lines.write(chunk);
  };
  const stdin = interactive && process.stdin.isTTY ? 'inherit' : 'ignore';
  /** @type {number | string} */
  const status = await new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...env },
      stdio: [stdin, 'pipe', 'pipe'],
      timeout,
      killSignal: 'SIGKILL',
    });
    running.add(child);
    const end = (result) => {
      running.delete(child);
      resolve(result);
    };
    child.stdout?.setEncoding('utf8').on('data', (chunk) => take(chunk, process.stdout));
    child.stderr?.setEncoding('utf8').on('data', (chunk) => take(chunk, process.stderr));
    child.on('error', (error) => {
      take(`${program}: ${error.message}\n`, process.stderr);
      end(127);
    });
    child.on('close', (code, signal) => {
      if (signal)
        take(`${program}: ended by ${signal}${timeout ? ` (it had ${timeout / 1000} s)` : ''}\n`, process.stderr);
      end(code ?? signal ?? 127);
    });
  });
  lines.end();
  if (file) await new Promise((resolve) => file.end(resolve));
  return { ok: status === 0, status, output };
}

/** What a short command prints, trimmed; undefined where it fails or is not there. */
export function ask(program, ...args) {
  const { status, stdout } = spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 26,
  });
  return status === 0 ? stdout.trim() : undefined;
}

function lineByLine(give) {
  let rest = '';
  return {
    write(chunk) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(give);
    },
    end() {
      if (rest) give(rest);
    },
  };
}
