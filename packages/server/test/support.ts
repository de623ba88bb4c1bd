// What the tests of the server share: a folder of models, requests, and a wait for what comes about.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { slow } from '../../../test/support/onnx-builder.js';
import { Engine, type EngineOptions, type Server, type ServerOptions, serve } from '../lib/index.js';

/** A folder with these files, until the test has ended. */
export function folderOf(files: Readonly<Record<string, Uint8Array | string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-server-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  put(folder, files);
  return folder;
}

export function put(folder: string, files: Readonly<Record<string, Uint8Array | string>>): void {
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
}

/** A run takes half a second: whoever waits for it to have begun, or for others to wait behind it, sees that, however busy the machine is. */
export const lasting = (): Uint8Array => slow({ iterations: 100_000 });

/** Options of such models, whose batches of all sizes would take seconds to warm up. */
export const cold = { warmup: false };

/** Options of models whose batches wait so long for more rows that requests of one moment share them, however far apart they are read. */
export const gathering = { batching: { maxQueueDelayMicros: 200_000 } };

/** An engine on the CPU that looks at its folders when it is told to. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const engine = await Engine.start({ device: 'cpu', pollSeconds: 0, ...options });
  onTestFinished(() => engine.close());
  return engine;
}

export async function startServer(options: ServerOptions): Promise<Server> {
  const server = await serve({ device: 'cpu', pollSeconds: 0, http: '127.0.0.1:0', grpc: false, ...options });
  onTestFinished(() => server.close());
  return server;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** What is answered, parsed where it is JSON. */
export async function ask(url: string, body?: unknown, init: RequestInit = {}): Promise<Reply> {
  const sent =
    body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await fetch(url, {
    ...(sent === undefined ? {} : { method: 'POST', body: sent as string }),
    ...init,
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

/** Resolves when it holds. What never does is the test's own time limit. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}
