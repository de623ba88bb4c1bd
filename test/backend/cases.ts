// Where ONNX's backend tests are, and what is in them.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tolerance } from './values.js';

const made = fileURLToPath(new URL('../../build/backend-tests', import.meta.url));
const generate = fileURLToPath(new URL('./generate.py', import.meta.url));

/**
 * The folder of the tests: what TENSORLANE_BACKEND_TESTS names (onnx/backend/test/data, say), else what python3 writes with pip's
 * onnx, once a version. Where there is neither, why.
 */
export function backendTests(): { folder: string } | { missing: string } {
  const named = process.env.TENSORLANE_BACKEND_TESTS;
  if (named !== undefined && named !== '') {
    return existsSync(named)
      ? { folder: named }
      : { missing: `TENSORLANE_BACKEND_TESTS names ${named}, which is not there` };
  }
  const version = python('-c', 'import onnx.backend.test.cmd_tools; print(onnx.__version__)');
  if (version === undefined) return { missing: "python3 has no onnx ('pip install onnx' brings the tests)" };
  const folder = join(made, version);
  if (existsSync(folder)) return { folder };
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  if (python(generate, unfinished) === undefined) {
    rmSync(unfinished, { recursive: true });
    return { missing: `python3 has onnx ${version}, but could not write its tests (${generate})` };
  }
  renameSync(unfinished, folder);
  return { folder };
}

function python(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync('python3', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return status === 0 ? stdout.trim().split('\n').at(-1) : undefined;
}

export interface Case {
  /** Its folder below that of the tests. */
  readonly name: string;
  readonly folder: string;
}

/** Every folder with a model in it. */
export function casesIn(folder: string): Case[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('model.onnx'))
    .map((file) => join(folder, file, '..'))
    .sort()
    .map((own) => ({ name: relative(folder, own), folder: own }));
}

export interface Files {
  readonly model: Uint8Array;
  readonly sets: readonly { readonly inputs: readonly Uint8Array[]; readonly outputs: readonly Uint8Array[] }[];
  readonly tolerance: Tolerance;
}

export function filesOf({ folder }: Case): Files {
  const sets = readdirSync(folder).filter((name) => name.startsWith('test_data_set_'));
  const tolerance = join(folder, 'tolerance.json');
  return {
    model: readFileSync(join(folder, 'model.onnx')),
    sets: sets.map((set) => ({
      inputs: numbered(join(folder, set), 'input'),
      outputs: numbered(join(folder, set), 'output'),
    })),
    // What ONNX's own runner takes where a test says nothing.
    tolerance: existsSync(tolerance) ? JSON.parse(readFileSync(tolerance, 'utf8')) : { rtol: 1e-3, atol: 1e-7 },
  };
}

function numbered(folder: string, what: string): Uint8Array[] {
  const files: Uint8Array[] = [];
  for (let file = 0; existsSync(join(folder, `${what}_${file}.pb`)); file++) {
    files.push(readFileSync(join(folder, `${what}_${file}.pb`)));
  }
  return files;
}
