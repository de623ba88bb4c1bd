// NVIDIA's control daemon of its multi-process service, as a folder has it: CUDA_MPS_PIPE_DIRECTORY, in which the daemon leaves its pid.
//
// The rules it keeps: a daemon is told by its pid and when that began, so that a pid which was given again is not taken for it; only what was
// started here, which a file beside its own says, is ever told to quit; nothing is killed.

import { spawn } from 'node:child_process';
import { lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TensorlaneError } from '../../core/errors.js';
import { fieldsOfProcess, readIfThere } from '../../core/system-files.js';

export const program = 'nvidia-cuda-mps-control';
/** NVIDIA's own default. */
const usualFolder = '/tmp/nvidia-mps';
/** Where one that is started here has its files. */
export const ownFolder = join(tmpdir(), `tensorlane-mps-${process.getuid?.() ?? 0}`);
/** Where daemons are looked for: those that clients here would find, and the one that is started here. */
export function folders(named: string | undefined): string[] {
  if (named !== undefined) return [named];
  return [...new Set([process.env.CUDA_MPS_PIPE_DIRECTORY ?? usualFolder, usualFolder, ownFolder])];
}

/** What the program answers, it answers at once. */
const answerMillis = 10_000;

export interface Daemon {
  readonly pid: number;
  /** When it began, as the system counts. */
  readonly began: string;
}

export interface Server {
  readonly pid: number;
  readonly clients: readonly number[];
}

export class MpsControl {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The daemon that runs there; undefined where none does. */
  daemon(): Daemon | undefined {
    const pid = Number(readIfThere(join(this.folder, `${program}.pid`))?.trim());
    const began = Number.isSafeInteger(pid) && pid > 0 ? beganAt(pid) : undefined;
    return began === undefined ? undefined : { pid, began };
  }

  /** Whether the daemon that runs there was started by `start`. */
  get isOwn(): boolean {
    const daemon = this.daemon();
    const kept = readIfThere(this.#mark);
    return daemon !== undefined && kept === textOf(daemon);
  }

  /** Errors: ERR_NO_RUNTIME, ERR_INTERNAL. */
  async servers(): Promise<Server[]> {
    const servers: Server[] = [];
    for (const pid of pidsOf(await this.ask('get_server_list'))) {
      servers.push({ pid, clients: pidsOf(await this.ask(`get_client_list ${pid}`)) });
    }
    return servers;
  }

  /** Errors: ERR_NO_RUNTIME, ERR_INTERNAL. */
  ask(command: string): Promise<string> {
    return this.#run([], `${command}\n`);
  }

  /** Starts a daemon there, of this user. Errors: ERR_NO_RUNTIME, ERR_ARGUMENT, ERR_INTERNAL. */
  async start(millis: number): Promise<Daemon> {
    mkdirSync(join(this.folder, 'log'), { recursive: true, mode: 0o700 });
    const { uid } = lstatSync(this.folder);
    if (process.getuid !== undefined && uid !== process.getuid()) {
      throw new TensorlaneError('ERR_ARGUMENT', `the folder ${this.folder} is another user's`);
    }
    await this.#run(['-d'], '');
    const daemon = await until(() => this.daemon(), millis);
    if (daemon === undefined) {
      throw new TensorlaneError('ERR_INTERNAL', `no daemon runs after its start; see ${join(this.folder, 'log')}`);
    }
    writeFileSync(this.#mark, textOf(daemon));
    return daemon;
  }

  /** Tells the daemon to quit, which `isOwn`, and waits for so long; says whether it has. Errors: ERR_NO_RUNTIME, ERR_INTERNAL. */
  async stop({ pid, began }: Daemon, millis: number): Promise<boolean> {
    await this.ask('quit');
    // Its files go before it does.
    const isGone = (await until(() => (beganAt(pid) === began ? undefined : true), millis)) === true;
    if (isGone) rmSync(this.#mark, { force: true });
    return isGone;
  }

  get #mark(): string {
    return join(this.folder, 'tensorlane.started');
  }

  #run(args: readonly string[], input: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const env = {
        ...process.env,
        CUDA_MPS_PIPE_DIRECTORY: this.folder,
        CUDA_MPS_LOG_DIRECTORY: join(this.folder, 'log'),
      };
      // A daemon keeps what it inherits: it gets no pipe that this process would wait for.
      const isDaemon = args.length > 0;
      const child = spawn(program, args, { env, stdio: isDaemon ? 'ignore' : ['pipe', 'pipe', 'pipe'] });
      let text = '';
      let told = '';
      const timer = setTimeout(() => child.kill('SIGKILL'), answerMillis);
      child.stdout?.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
      child.stderr?.setEncoding('utf8').on('data', (more: string) => {
        told += more;
      });
      child.stdin?.on('error', () => {}); // its exit tells why it does not read
      child.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        const isMissing = error.code === 'ENOENT';
        const why = isMissing
          ? "is not on PATH; it comes with NVIDIA's driver for Linux"
          : `cannot run: ${error.message}`;
        reject(new TensorlaneError(isMissing ? 'ERR_NO_RUNTIME' : 'ERR_INTERNAL', `${program} ${why}`));
      });
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        if (code === 0) return resolve(text);
        const what = signal === null ? `ended with ${code}` : `gave no answer within ${answerMillis / 1000} s`;
        reject(new TensorlaneError('ERR_INTERNAL', `${program} ${what}${told === '' ? '' : `: ${told.trim()}`}`));
      });
      child.stdin?.end(input);
    });
  }
}

const textOf = ({ pid, began }: Daemon) => `${pid} ${began}\n`;
const pidsOf = (text: string) => (text.match(/^\s*\d+\s*$/gm) ?? []).map(Number);

/** In ticks since the system started: the 22nd field of its stat. */
function beganAt(pid: number): string | undefined {
  const fields = fieldsOfProcess(pid);
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
}

async function until<T>(look: () => T | undefined, millis: number): Promise<T | undefined> {
  for (const end = performance.now() + millis; ; ) {
    const found = look();
    if (found !== undefined || performance.now() >= end) return found;
    await sleep(20);
  }
}
