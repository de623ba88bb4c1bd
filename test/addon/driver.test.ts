// NVIDIA's driver is asked which CUDA it runs, and which package for CUDA is taken goes by its answer. The library here is one that
// says what it is told to.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { versionIn } from '../../lib/addon/driver.js';
import { runNode } from '../support/processes.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const addon = process.env.TENSORLANE_ADDON || join(root, 'build', 'Release', 'tensorlane.node');
const temporary = mkdtempSync(join(tmpdir(), 'tensorlane-driver-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

/** A folder for LD_LIBRARY_PATH. */
function driver(name: string, body: string): string {
  const folder = join(temporary, name);
  mkdirSync(folder);
  const source = join(folder, 'cuda.cpp');
  writeFileSync(source, `#include <cstdlib>\nextern "C" { ${body} }\n`);
  execFileSync('c++', ['-shared', '-fPIC', '-o', join(folder, 'libcuda.so.1'), source]);
  return folder;
}

const saying = (version: number) => `int cuDriverGetVersion(int* version) { *version = ${version}; return 0; }`;

test('the version of the kernel module is the one that it tells', () => {
  const text = (version: string) =>
    `NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  ${version}  Release Build  (somebody)\nGCC version: 12\n`;
  expect(['580.65.06', '470.1'].map((version) => versionIn(text(version)))).toEqual(['580.65.06', '470.1']);
  expect(versionIn('NVRM')).toBeUndefined();
});

describe.runIf(process.platform === 'linux')('with a library of the driver', () => {
  test('the addon passes on what it says, and undefined where it says nothing', async () => {
    const ask = async (folder: string) => {
      const script = `console.log(require(${JSON.stringify(addon)}).newestCudaOfDriver())`;
      const { stdout, stderr } = await runNode(['-e', script], { env: { LD_LIBRARY_PATH: folder } });
      return stdout.trim() || stderr;
    };
    expect(await ask(driver('says 12.4', saying(12040)))).toBe('12.4');
    expect(await ask(driver('says 13.0', saying(13000)))).toBe('13.0');
    expect(await ask(driver('fails', 'int cuDriverGetVersion(int*) { return 3; }'))).toBe('undefined');
    expect(await ask(driver('is another', 'int something() { return 0; }'))).toBe('undefined');
  });

  test.each([
    ['13.0', 13, '', saying(13000), 'this build of tensorlane has no CUDA device'],
    ['12.9', 13, '', saying(12090), "NVIDIA's driver runs CUDA up to 12.9, and it wants 13.0 (driver 580 or newer)"],
    ['12.0', 12, '', saying(12000), 'this build of tensorlane has no CUDA device'],
    ['11.8', 12, '', saying(11080), "NVIDIA's driver runs CUDA up to 11.8, and it wants 12.0 (driver 525 or newer)"],
    ['none', 12, '', 'int something() { return 0; }', "the library of NVIDIA's driver, libcuda.so.1, is not found"],
    ['a crash', 12, '', 'int cuDriverGetVersion(int*) { std::abort(); }', 'the process that tried it ended by SIGABRT'],
    [
      'an exit',
      12,
      '',
      'int cuDriverGetVersion(int*) { std::_Exit(7); }',
      'the process that tried it ended with exit code 7',
    ],
    // What hangs or prints in a server's own options is not asked.
    ['options', 12, '--require /nowhere.cjs', saying(11080), "NVIDIA's driver runs CUDA up to 11.8"],
  ])('a driver of %s, and a package for CUDA %i', async (name, cuda, options, body, reason) => {
    const folder = driver(`of ${name}`, body);
    const script = `
      process.env.NODE_OPTIONS = '${options}';
      process.env.LD_LIBRARY_PATH = ${JSON.stringify(folder)};
      const { problemOf } = await import(${JSON.stringify(join(root, 'dist', 'addon', 'choose.js'))});
      console.log(await problemOf(${JSON.stringify(addon)}, ${cuda}));`;
    const { stdout, stderr } = await runNode(['--input-type=module', '-e', script], { env: { TENSORLANE_ADDON: '' } });
    expect(stdout, stderr).toContain(reason);
  });

  test('the doctor says which CUDA it runs, and advises on one that is too old', async () => {
    const main = join(root, 'dist', 'cli', 'main.js');
    const env = { TENSORLANE_ADDON: addon, LD_LIBRARY_PATH: driver('is old', saying(11080)) };
    const { stdout, stderr } = await runNode([main, 'doctor', '--json', 'cpu'], { env });
    expect(stderr).toBe('');
    const { driver: found, checks } = JSON.parse(stdout) as {
      driver: object;
      checks: { ok: boolean; advice?: string }[];
    };
    expect(found).toMatchObject({ cuda: '11.8' });
    expect(checks[2]).toMatchObject({ ok: false, advice: expect.stringContaining('is too old: 525 runs CUDA 12') });
  });

  test('libraries are set up for the CUDA that it runs', async () => {
    const main = join(root, 'dist', 'cli', 'main.js');
    const none = { TENSORLANE_CUDA_LIBRARIES: '', TENSORLANE_ADDON: addon };
    for (const [name, version, cuda] of [
      ['for 12', 12080, 12],
      ['for 13', 13010, 13],
    ] as const) {
      const env = { ...none, LD_LIBRARY_PATH: driver(name, saying(version)) };
      const { stdout } = await runNode(
        [main, 'setup', 'cuda', '--dry-run', '--from', temporary, '--into', join(temporary, 'into')],
        { env },
      );
      expect(stdout).toContain(`Libraries for CUDA ${cuda}:`);
    }
  });
});
