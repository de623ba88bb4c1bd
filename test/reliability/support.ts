// What the reliability tests share: children that may crash or hang without harm, and failures that say what broke.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Svd, type Tensor, TensorlaneError } from 'tensorlane';
import { afterAll } from 'vitest';
import { matmul, slow, square } from '../support/onnx-builder.js';
import { hangMs, type NodeOptions, type NodeOutcome, runNode } from '../support/processes.js';

// -------------------------------------------------------------------------------------------------------------- children

export interface ChildOptions extends Pick<NodeOptions, 'env' | 'takesMs'> {
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  /** Sent when the child has printed "ready". */
  readonly signalWhenReady?: NodeJS.Signals;
}

export interface ChildOutcome extends NodeOutcome {
  readonly script: string;
  readonly args: readonly string[];
  /** From the child's "ready" (which it prints just before it ends) to its end; undefined where it printed none. */
  readonly endingMs: number | undefined;
  /** From its start to that "ready": how long things take just now on this machine. */
  readonly readyMs: number | undefined;
}

/** Runs a script of ./children; a warning of Node's on its stderr fails the test. */
export async function spawnChild(script: string, options: ChildOptions = {}): Promise<ChildOutcome> {
  const { args = [], nodeArgs = [], signalWhenReady, ...others } = options;
  const path = fileURLToPath(new URL(`./children/${script}`, import.meta.url));
  const startedAt = performance.now();
  let readyAt: number | undefined;
  const outcome = await runNode([...nodeArgs, path, ...args], {
    ...others,
    onOutput(stdout, child) {
      if (readyAt !== undefined || !/^ready$/m.test(stdout)) return;
      readyAt = performance.now();
      if (signalWhenReady !== undefined) child.kill(signalWhenReady);
    },
  });
  const endingMs = readyAt === undefined ? undefined : performance.now() - readyAt;
  const readyMs = readyAt === undefined ? undefined : readyAt - startedAt;
  return { ...outcome, script, args, endingMs, readyMs };
}

export interface Expected {
  readonly code?: number;
  readonly signal?: NodeJS.Signals;
  /** Lines that the child must have printed. */
  readonly printed?: readonly string[];
  /** What its stderr must contain; otherwise stderr must be empty. */
  readonly stderr?: RegExp;
  /** The most that may pass between "ready" and the end, where starting takes a quarter of it or less; else four starts. */
  readonly endsWithinMs?: number;
}

/** Fails with everything that is known of the child, the likely kind of fault first. */
export function expectOutcome(outcome: ChildOutcome, expected: Expected): void {
  const { code = null, signal = null, printed = [], endsWithinMs = Number.POSITIVE_INFINITY } = expected;
  const missing = printed.filter((line) => !outcome.stdout.split('\n').includes(line));
  const fail = (kind: string): never => {
    const ran = `node ${outcome.script} ${outcome.args.join(' ')}`;
    throw new Error(
      `${kind}\n  ran: ${ran}\n  exit code: ${outcome.code}, signal: ${outcome.signal}` +
        `\n  stdout: ${indented(outcome.stdout)}\n  stderr: ${indented(outcome.stderr)}`,
    );
  };
  if (outcome.timedOut) {
    if (missing.length > 0) fail(`WORK UNFINISHED: after ${outcome.limitMs} ms it had not printed ${quoted(missing)}`);
    fail(`NEVER EXITED: its work was done, but something kept it alive for more than ${outcome.limitMs} ms`);
  }
  if (outcome.signal !== null && outcome.signal !== signal) fail(`CRASHED: killed by ${outcome.signal}`);
  if (outcome.code !== code || outcome.signal !== signal) {
    fail(`WRONG END: expected exit code ${code} and signal ${signal}`);
  }
  if (missing.length > 0) fail(`ENDED EARLY: it exited without having printed ${quoted(missing)}`);
  if (expected.stderr === undefined ? outcome.stderr !== '' : !expected.stderr.test(outcome.stderr)) {
    fail(`WRONG STDERR: expected ${expected.stderr ?? 'nothing'}`);
  }
  const { endingMs, readyMs } = outcome;
  if (endingMs !== undefined && readyMs !== undefined && endingMs > Math.max(endsWithinMs, 4 * readyMs)) {
    const [end, start] = [endingMs, readyMs].map(Math.round);
    fail(
      `SLOW END: it took ${end} ms to end, more than ${endsWithinMs} ms and than four times the ${start} ms of its start`,
    );
  }
}

function quoted(lines: readonly string[]): string {
  return lines.map((line) => `"${line}"`).join(', ');
}

function indented(text: string): string {
  return text === '' ? '(nothing)' : text.trimEnd().replaceAll('\n', '\n    ');
}

/** Runs something `count` times, a few at once: races show rarely, and more often on busy cores. */
export async function repeatedly(count: number, atOnce: number, run: (round: number) => Promise<void>): Promise<void> {
  let next = 0;
  const line = async () => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, line));
}

// ---------------------------------------------------------------------------------------------------------------- models

/** Model files for the children, which cannot build models themselves; removed when the calling file's tests are over. */
export function modelFiles(): { readonly square: string; readonly slow: string; readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-reliability-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const files = { folder, square: join(folder, 'square.onnx'), slow: join(folder, 'slow.onnx') };
  writeFileSync(files.square, square({ features: 16 }));
  // Some 20 ms a run, long enough for a batch to be surely in flight.
  writeFileSync(files.slow, slow({ iterations: 4000, width: 64 }));
  return files;
}

/**
 * Ends a worker_thread `rounds` times while lanes read what the thread was given before, by tensorlane or an addon, in a process
 * of its own. There memory that is freed is the system's again at once, so that whoever reads it still crashes.
 */
export async function endsWhileReading(
  work: string,
  way: 'terminate' | 'exit',
  rounds: number,
  addon?: string,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-given-'));
  const model = join(folder, 'matmul.onnx');
  writeFileSync(model, matmul({ inner: 500, outer: 500 }));
  try {
    const args = [work, way, model, String(rounds), ...(addon === undefined ? [] : [addon])];
    const outcome = await spawnChild('given-inputs.mjs', { args, env: { MALLOC_MMAP_THRESHOLD_: '65536' } });
    expectOutcome(outcome, { code: 0, printed: ['done'] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// ---------------------------------------------------------------------------------------------------------------- errors

/** The TensorlaneError with which a call rejects. Anything else fails: success, another error, a synchronous throw. */
export async function rejection(call: () => Promise<unknown>): Promise<TensorlaneError> {
  let promise: Promise<unknown>;
  try {
    promise = call();
  } catch (thrown) {
    throw new Error('THREW SYNCHRONOUSLY: the call should have returned a promise that rejects', { cause: thrown });
  }
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof TensorlaneError) return error;
    throw new Error(`WRONG ERROR: expected a TensorlaneError, got ${String(error)}`, { cause: error });
  }
  throw new Error(`SUCCEEDED: expected a TensorlaneError, got ${Object.keys(value ?? {}).join(', ') || String(value)}`);
}

/** Fails where a promise never settles, which a test's own timeout would not tell apart. */
export async function settles<T>(what: string, promise: Promise<T>): Promise<T> {
  const control = new AbortController();
  const late = sleep(hangMs, undefined, { signal: control.signal }).then(() => {
    throw new Error(`NEVER SETTLED: ${what} was still pending after ${hangMs} ms`);
  });
  late.catch(() => {}); // aborted below
  try {
    return await Promise.race([promise, late]);
  } finally {
    control.abort();
  }
}

// --------------------------------------------------------------------------------------------------------------- numbers

/** Reproducible values in [-1, 1), different for every seed. */
export function values(length: number, seed: number): Float64Array<ArrayBuffer> {
  const out = new Float64Array(length);
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = state / 2 ** 31 - 1;
  }
  return out;
}

export function matrix(
  rows: number,
  columns: number,
  seed: number,
): Tensor<'float64'> & { data: Float64Array<ArrayBuffer> } {
  return { type: 'float64', data: values(rows * columns, seed), dims: [rows, columns] };
}

/** The largest difference between a matrix and the product of its factors (thin mode). */
export function svdError(data: ArrayLike<number>, { u, s, vt }: Svd<Tensor<'float64'>>): number {
  const [rows, rank] = u.dims as [number, number];
  const columns = vt.dims[1]!;
  let worst = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += u.data[i * rank + k]! * s.data[k]! * vt.data[k * columns + j]!;
      worst = Math.max(worst, Math.abs(sum - data[i * columns + j]!));
    }
  }
  return worst;
}

export function row(features: number, seed: number): Tensor<'float32'> & { data: Float32Array<ArrayBuffer> } {
  return { type: 'float32', data: Float32Array.from(values(features, seed)), dims: [1, features] };
}

export function squares(data: Float32Array): number[] {
  return Array.from(data, (x) => Math.fround(x * x));
}

// ---------------------------------------------------------------------------------------------------------------- memory

/** Collects all garbage. Finalizers of native objects run between the turns of the event loop, so it takes a few. */
export async function collectGarbage(): Promise<void> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('the test must run with --expose-gc');
  for (let i = 0; i < 4; i++) {
    gc();
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}
