// A server in a process of its own, whose memory is looked at from outside.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type NodeOutcome, runNode } from '../../../../test/support/processes.js';

const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface ServerProcess {
  readonly url: string;
  readonly grpc: string;
  /** Bytes of memory that are its own; undefined where the system does not tell. */
  memory(): number | undefined;
  /** Its open file descriptors, connections among them; undefined where the system does not tell. */
  descriptors(): number | undefined;
  /** Tells it to end, and gives what it ended with. */
  stop(): Promise<NodeOutcome>;
  readonly ended: Promise<NodeOutcome>;
}

/** On free ports, on the CPU, until the test has ended. */
export function startProcess(args: readonly string[], takesMs: number): Promise<ServerProcess> {
  let kill = () => {};
  return new Promise((resolve, reject) => {
    const all = [command, ...args, '--http', '0', '--grpc', '0', '--device', 'cpu'];
    // One arena of malloc's, and a young generation that stays small: what is scattered over several is no leak.
    const ended = runNode(['--max-semi-space-size=2', ...all], {
      takesMs,
      env: { MALLOC_ARENA_MAX: '1' },
      onOutput(printed, child) {
        kill = () => child.kill('SIGKILL');
        const url = /(http:\S+)\/v2$/m.exec(printed)?.[1];
        const grpc = /over gRPC +(\S+)$/m.exec(printed)?.[1];
        if (url === undefined || grpc === undefined || !printed.includes('Try it:')) return;
        const stop = () => {
          child.kill('SIGTERM');
          return ended;
        };
        resolve({
          url,
          grpc,
          ended,
          stop,
          memory: () => residentBytes(child.pid),
          descriptors: () => openIn(child.pid),
        });
      },
    });
    ended.then(({ stderr, code }) => reject(new Error(`ended with ${code}: ${stderr}`)), reject);
    // One that was not told to end.
    onTestFinished(async () => {
      kill();
      await ended;
    });
  });
}

function openIn(pid: number | undefined): number | undefined {
  const folder = `/proc/${pid}/fd`;
  return existsSync(folder) ? readdirSync(folder).length : undefined;
}

function residentBytes(pid: number | undefined): number | undefined {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return undefined;
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(file, 'utf8'))?.[1]) * 1024;
}

/** Numbers from 0 to 1 by a seed, the same each time (mulberry32). */
export function randomBy(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
