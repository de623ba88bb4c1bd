// FastAPI before ONNX Runtime as a peer: a Python process that serves a model, one request at a time or polled every 10 ms.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { candidates } from './numpy.js';

const script = fileURLToPath(new URL('fastapi_server.py', import.meta.url));

export type FastApiWay = 'one' | 'poll';

export class FastApi {
  readonly url: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly #process: ChildProcess;

  private constructor(port: number, versions: Record<string, string>, process: ChildProcess) {
    this.url = `http://127.0.0.1:${port}/predict`;
    this.versions = versions;
    this.#process = process;
  }

  /** By the first python3 that has what it takes; where there is none, why. */
  static async open(model: string, way: FastApiWay): Promise<FastApi | { readonly missing: string }> {
    const missing: string[] = [];
    for (const python of candidates()) {
      const child = spawn(python, [script, model, way], { stdio: ['pipe', 'pipe', 'inherit'] });
      child.on('error', () => {}); // Told by its lines ending.
      child.stdin.on('error', () => {});
      const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
      const hello = (first.done ? { error: 'does not start' } : JSON.parse(first.value)) as
        | { readonly error: string }
        | { readonly port: number; readonly versions: Record<string, string> };
      if ('port' in hello) return new FastApi(hello.port, hello.versions, child);
      missing.push(`${python} ${hello.error}`);
    }
    return { missing: missing.join('; ') || 'there is no python3' };
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    this.#process.stdin?.end();
    await once(this.#process, 'exit');
  }
}
