// Which file the addon is loaded from, and what the error says where it cannot be: what was tried, why, and what helps.

import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ownBuild } from '../../lib/addon/load.js';
import { missingPackage, refusedFile, refusedPackage } from '../../lib/addon/remedies.js';
import { TensorlaneError } from '../../lib/core/errors.js';
import { printedBy } from '../support/processes.js';

const folder = mkdtempSync(join(tmpdir(), 'tensorlane-load-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let next = 0;
/** A package with these files, each a second newer than the one before. */
function packageOf(...files: readonly string[]): string {
  const root = join(folder, String(next++));
  mkdirSync(root);
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'tensorlane' }));
  for (const [i, file] of files.entries()) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), 'no library');
    utimesSync(join(root, file), 1000 + i, 1000 + i);
  }
  return root;
}

function refusal(root: string, named?: string): TensorlaneError {
  try {
    ownBuild(root, named);
  } catch (error) {
    expect(error).toBeInstanceOf(TensorlaneError);
    expect((error as TensorlaneError).code).toBe('ERR_NO_DEVICE');
    expect((error as TensorlaneError).message).not.toContain('\n');
    return error as TensorlaneError;
  }
  throw new Error('an addon was loaded');
}

const withCuda = 'build/cuda/Release/tensorlane.node';
const without = 'build/Release/tensorlane.node';

test('the file that TENSORLANE_ADDON names is tried, and no other', () => {
  const { message } = refusal(packageOf(without, withCuda), '/nowhere/tensorlane.node');
  expect(message).toMatch(/tried \/nowhere\/tensorlane\.node \(TENSORLANE_ADDON\): .*Cannot find module/);
});

test('the build with CUDA is tried where it is the newer one', () => {
  const newer = packageOf(without, withCuda);
  expect(refusal(newer).message).toContain(`tried ${join(newer, withCuda)}: `);
  const older = packageOf(withCuda, without, 'scripts/setup.mjs');
  expect(refusal(older).message).toContain(`tried ${join(older, 'build/Release')}: `);
  expect((refusal(older).cause as Error).message).toContain(join(older, without));
});

test('a clone without a build says how to make one', () => {
  const checkout = packageOf('scripts/setup.mjs');
  expect(refusal(checkout).message).toMatch(/No native build was found.*npm run build.*C\+\+20 compiler/);
});

test('what is no clone has no build of its own', () => {
  expect(ownBuild(packageOf(), undefined)).toBeUndefined();
});

test('the remedy is that of the cause', () => {
  const missing = (library: string) => `${library}: cannot open shared object file: No such file or directory`;
  expect(refusedFile(missing('libopenblas.so.0'), false)).toMatch(/^install OpenBLAS/);
  expect(refusedFile(missing('libgfortran.so.5'), false)).toMatch(/^install the shared library/);
  expect(refusedFile(missing('/nowhere/tensorlane.node'), true)).toMatch(/^build it/);
  expect(refusedFile("libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by tensorlane.node)", true)).toMatch(
    /^it was built for a newer system than this one: build it/,
  );
  expect(refusedFile('invalid ELF header', false)).toMatch(/^build one in a clone/);
  // As Alpine's loader says it of a package for glibc.
  const alpine =
    'Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by tensorlane.node)';
  expect(refusedPackage(alpine, true)).toMatch(/^it is for glibc, .* musl \(Alpine\): .*node:22-slim/);
  expect(refusedPackage(alpine, false)).toMatch(/^build one/);
  expect(missingPackage()).toMatch(
    /^npm install @tensorlane\/[a-z]+-[a-z0-9]+@\d+\.\d+\.\d+ .*--omit=optional.*lock file/,
  );
});

test('nothing is loaded before it is needed, and then open() rejects', async () => {
  const script = `
    import { open, listDevices, tensor } from 'tensorlane';
    console.log(tensor([1, 2]).dims);
    await open('cpu').catch((error) => console.log(error.name, error.code, error.message));
    await open({ streams: 0 }).catch((error) => console.log(error.code));
    await listDevices().catch((error) => console.log(error.code));`;
  const printed = await printedBy(script, { env: { TENSORLANE_ADDON: '/nowhere/tensorlane.node' } });
  expect(printed.split('\n')).toEqual([
    '[ 2 ]',
    expect.stringMatching(/^TensorlaneError ERR_NO_DEVICE tensorlane's native addon could not be loaded on /),
    'ERR_ARGUMENT',
    'ERR_NO_DEVICE',
    '',
  ]);
});

test.runIf(process.platform === 'linux')(
  'loading starts no threads, which would spin, and leaves the environment as it was',
  async () => {
    const load = JSON.stringify(new URL('../../dist/addon/load.js', import.meta.url).href);
    const script = `
    import { readdirSync } from 'node:fs';
    delete process.env.OPENBLAS_NUM_THREADS;
    const { addon } = await import(${load});
    const threads = () => readdirSync('/proc/self/task').length;
    const before = threads();
    addon();
    console.log(threads() - before, process.env.OPENBLAS_NUM_THREADS);`;
    expect(await printedBy(script)).toBe('0 undefined\n');
  },
);
