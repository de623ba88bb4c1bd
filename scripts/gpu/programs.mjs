// Runs what was packed, each program only for as long as its part has time, and hands on its lines as they come.
import { spawn } from 'node:child_process';

/** Counts a part's minutes down. */
export class Deadline {
  #end;
  constructor(minutes) {
    this.#end = performance.now() + minutes * 60_000;
  }
  /** In milliseconds; what is too short to start anything counts as nothing. */
  get left() {
    const left = this.#end - performance.now();
    return left > 2000 ? left : 0;
  }
}

const running = new Set();

/** Ends what runs, with all that it started. */
export function endAll() {
  for (const child of running) kill(child);
}

function kill(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

/**
 * Runs a command. Past `deadline`, or past its own `minutes`, it is killed with all its children. `line` gets each line of its
 * output, `report` each line that it writes to its file descriptor 3; with `show` its output is shown as it comes.
 * Resolves to { ok, output, tail, seconds, late }: `late` says that the part's time was over.
 * @param {{ left: number }} deadline
 * @param {string[]} command
 * @param {any} options
 */
export function runUntil(deadline, [command, ...args], options) {
  const { cwd, env, minutes = Number.POSITIVE_INFINITY, show = false, line, report } = options;
  const started = performance.now();
  const limit = Math.min(deadline.left, minutes * 60_000);
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe', 'pipe'], detached: true });
    running.add(child);
    let stopped = false;
    const timer = setTimeout(() => {
      stopped = true;
      kill(child);
    }, limit);
    let output = '';
    const split = (each) => {
      let rest = '';
      return (chunk) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop();
        for (const one of lines) each?.(one);
      };
    };
    const take = (stream, to, each) => {
      const pieces = split(each);
      stream.setEncoding('utf8').on('data', (chunk) => {
        output += chunk;
        if (show) to.write(chunk);
        pieces(chunk);
      });
    };
    take(child.stdout, process.stdout, line);
    take(child.stderr, process.stderr, undefined);
    const told = /** @type {import('node:stream').Readable} */ (child.stdio[3]);
    told.setEncoding('utf8').on('data', split(report));
    let ended = false;
    const end = (ok, problem) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      running.delete(child);
      const lines = output.trimEnd().split('\n').slice(-3).join(' / ');
      const tail = [problem, lines.slice(-400)].filter(Boolean).join(': ');
      resolve({
        ok,
        output,
        tail,
        seconds: (performance.now() - started) / 1000,
        late: stopped && deadline.left === 0,
      });
    };
    child.on('error', (error) => end(false, error.message));
    child.on('close', (code, signal) => {
      const past = stopped ? `ended after ${Math.round(limit / 1000)} s` : signal && `ended by ${signal}`;
      end(code === 0, past || (code ? `exit status ${code}` : ''));
    });
  });
}
