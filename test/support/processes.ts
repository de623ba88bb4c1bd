// How the tests start other Node processes, all of them: as a user's program would be run, and never for ever.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Nothing is judged by it: what hangs should fail, on however busy a machine. */
export const hangMs = 200_000;

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface NodeOptions {
  /** Where it runs; by default the repository's root, where `import 'tensorlane'` finds it. */
  readonly cwd?: string;
  /** Added to what is kept of this process's own: PATH, HOME, the variables of tensorlane, its libraries and the sanitizers. */
  readonly env?: NodeJS.ProcessEnv;
  /** What it does anyway takes this long; added to the time after which it counts as one that never exits, and is killed. */
  readonly takesMs?: number;
  /** Told of all that it has printed so far, each time there is more. */
  readonly onOutput?: (
    stdout: string,
    child: { readonly pid?: number | undefined; kill(signal: NodeJS.Signals): void },
  ) => void;
}

export interface NodeOutcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  readonly limitMs: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs node without vitest's own options and the like. */
export function runNode(args: readonly string[], options: NodeOptions = {}): Promise<NodeOutcome> {
  const limitMs = hangMs + (options.takesMs ?? 0);
  return new Promise((resolve, reject) => {
    const kept = Object.entries(process.env).filter(([name]) =>
      /^(PATH|HOME|LD_PRELOAD|[A-Z]+SAN_OPTIONS|TENSORLANE_.*|EMULATION_.*|OPENBLAS_.*)$/.test(name),
    );
    const env = { ...Object.fromEntries(kept), ...options.env };
    const child = spawn(process.execPath, args, { cwd: options.cwd ?? root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    let timedOut = false;
    const limit = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, limitMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      options.onOutput?.(stdout, child);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      resolve({ code, signal, timedOut, limitMs, stdout, stderr });
    });
  });
}

/** What a module prints that has to end well. */
export async function printedBy(script: string, options: NodeOptions = {}): Promise<string> {
  const { code, signal, stdout, stderr } = await runNode(['--input-type=module', '--eval', script], options);
  if (code !== 0) throw new Error(`it ended with ${code ?? signal}:\n${stderr}\n${stdout}`);
  return stdout;
}
