// scripts/gpu/run.mjs on a packed folder with small programs in the places of the real ones: what it reports when a part runs out
// of minutes, or the run itself is cut short.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const repository = fileURLToPath(new URL('../../', import.meta.url));

vi.setConfig({ testTimeout: 300_000 });

interface Part {
  passed: number;
  failed: number;
  checks: { name: string; ok: boolean; note?: string }[];
  figures: { name: string; value: number }[];
  skipped: { what: string; why: string }[];
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gpu-check-'));
  cpSync(path.join(repository, 'scripts', 'gpu'), path.join(folder, 'scripts', 'gpu'), { recursive: true });
  symlinkSync(path.join(repository, 'node_modules'), path.join(folder, 'node_modules'));
  put('packed.json', '{ "emulated": true }');
  put('package.json', '{ "type": "module" }');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, text: string): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const program = (name: string, text: string) => chmodSync(put(name, `#!/bin/sh\n${text}\n`), 0o755);

function start(...args: string[]): { child: ChildProcess; output: () => string } {
  const own = Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST$|NODE_ENV$)/.test(name));
  const child = spawn(process.execPath, [path.join(folder, 'scripts/gpu/run.mjs'), '--out', 'out', ...args], {
    cwd: folder,
    env: { ...Object.fromEntries(own), PATH: `${path.join(folder, 'bin')}:${process.env.PATH}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (output += chunk));
  return { child, output: () => output };
}

async function run(...args: string[]): Promise<{ status: number; output: string }> {
  const { child, output } = start(...args);
  const [status] = await once(child, 'close');
  return { status, output: output() };
}

const report = (): { passed: number; failed: number; parts: Record<string, Part> } =>
  JSON.parse(readFileSync(path.join(folder, 'out', 'emulated-device.json'), 'utf8'));

const figure = (name: string) =>
  JSON.stringify({ name, contender: 'tensorlane', unit: 'us', value: 5, lower: true, target: 9 });

test('a benchmark that runs out of minutes keeps its figures, and the rest is reported as skipped', async () => {
  put('bench/gpu/main.ts', `console.log('${figure('first')}');\nsetInterval(() => {}, 1000);`);
  put('bench/gpu/peers.py', `print('${figure('of a peer')}')`);
  // As many minutes as it takes to come to the first figure.
  for (let minutes = 0.15; ; minutes *= 3) {
    const { output } = await run('--only', 'bench', '--minutes', String(minutes));
    if (report().parts.bench!.figures.length < 2 && minutes < 3) continue;
    expect(output).toMatch(/first, tensorlane: 5 us/);
    break;
  }
  const { bench } = report().parts;
  expect(bench!.figures.map(({ name }) => name)).toEqual(['first', 'of a peer']);
  expect(bench!.skipped).toContainEqual({
    what: 'the rest of bench/gpu/main.ts, after 1 figures',
    why: 'the minutes ran out',
  });
  expect(bench!.failed).toBe(0);
  expect(readFileSync(path.join(folder, 'out', 'emulated-device.md'), 'utf8')).toContain('skipped: the rest of bench');
});

test('a run that is stopped has written what it found, and the next part adds to it', async () => {
  program('build/cuda/tests/quick', 'exit 0');
  program('build/cuda/tests/slow', 'exec sleep 1000');
  const { child, output } = start('--only', 'sanitizer');
  const closed = once(child, 'close');
  while (!output().includes('ok     quick')) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGTERM');
  await closed;
  expect(report().parts.sanitizer!.checks).toMatchObject([{ name: 'quick', ok: true }]);

  put('bench/gpu/main.ts', `console.log('${figure('one')}');`);
  const { status, output: last } = await run('--only', 'bench');
  expect(last.trimEnd().split('\n').at(-1)).toBe('1 passed, 0 failed');
  expect(status).toBe(0);
  expect(Object.keys(report().parts).sort()).toEqual(['bench', 'sanitizer']);
  expect(report()).toMatchObject({ passed: 2, failed: 0 });
});

test('the conformance suite runs a file of cases at a time, and not under compute-sanitizer', async () => {
  const cases = ['svd', 'qr'].map(
    (name) => `<TestCase name="${name}: of two" filename="x/${name}_test.cpp" line="1"/>`,
  );
  program(
    'build/cuda/tests/conformance_tests',
    `case "$*" in *list-test-cases*) echo '${[...cases, cases[0]].join('')}' ;; *qr_test*) exit 1 ;; esac`,
  );
  program('build/cuda/tests/kernel_tests', `echo '<TestCase name="of a kernel" filename="x/a_test.cpp" line="1"/>'`);
  program('bin/compute-sanitizer', 'exit 0');
  await run('--only', 'sanitizer');
  expect(report().parts.sanitizer!.checks.map(({ name, ok }) => `${name}: ${ok}`)).toEqual([
    'kernel_tests: true',
    'conformance_tests: svd_test.cpp: true',
    'conformance_tests: qr_test.cpp: false',
    'kernel_tests: a_test.cpp under memcheck: true',
    'kernel_tests: a_test.cpp under racecheck: true',
  ]);
});

test('compute-sanitizer is tried with one case, and then runs a file of cases at a time', async () => {
  const cases = ['a', 'b'].map((name) => `<TestCase name="case ${name}" filename="x/${name}_test.cpp" line="1"/>`);
  program(
    'build/cuda/tests/kernel_tests',
    `echo "$@" >> ${folder}/calls
case "$*" in *list-test-cases*) echo '${cases.join('')}' ;; *b_test*) exit 1 ;; esac`,
  );
  // Its own options are left out.
  program(
    'bin/compute-sanitizer',
    'while [ "$1" != --error-exitcode ] && [ -n "$2" ] && ! [ -x "$1" ]; do shift; done\n\
[ "$1" = --error-exitcode ] && shift 2\nexec "$@"',
  );
  const { status } = await run('--only', 'sanitizer');
  expect(status).toBe(1);
  expect(report().parts.sanitizer!.checks.map(({ name, ok }) => `${name}: ${ok}`)).toEqual([
    'kernel_tests: true',
    'kernel_tests: a_test.cpp under memcheck: true',
    'kernel_tests: b_test.cpp under memcheck: false',
    'kernel_tests: a_test.cpp under racecheck: true',
    'kernel_tests: b_test.cpp under racecheck: false',
  ]);
  const calls = readFileSync(path.join(folder, 'calls'), 'utf8').split('\n');
  expect(calls[2]).toBe('--source-file=*a_test.cpp --first=1 --last=1');
});

test('each file of tests counts when it ends; a failed one is told by name', async () => {
  put('vitest.cuda.config.ts', "export default { test: { include: ['test/**/*.test.ts'] } };");
  const file = (text: string) => `import { expect, test } from 'vitest';\n${text}`;
  put('test/cuda/well.test.ts', file("test('adds', () => expect(1 + 1).toBe(2));"));
  put('test/cuda/wrong.test.ts', file("test('adds', () => expect(1 + 1).toBe(3));"));
  put('test/cuda/broken.test.ts', "import './nowhere.js';");
  const { status, output } = await run('--only', 'tests');
  expect(status, output).toBe(1);
  const { passed, failed, checks } = report().parts.tests!;
  expect({ passed, failed }).toEqual({ passed: 1, failed: 2 });
  expect(checks.map(({ name }) => name).sort()).toEqual(['test/cuda/broken.test.ts', 'test/cuda/wrong.test.ts: adds']);
  expect(checks.find(({ name }) => name.includes('wrong'))!.note).toMatch(/expected 2 to be 3/);
});

test('options that are none, and minutes that are none, are refused', async () => {
  expect(await run('--only', 'tests,benchs')).toMatchObject({ status: 1, output: expect.stringContaining('benchs') });
  expect(await run('--minutes', 'nine')).toMatchObject({ status: 1, output: expect.stringContaining('nine') });
});
