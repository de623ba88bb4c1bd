// The package for arm64, on x64: a Node for arm64 under qemu, of a version that runs models too. 7.2, which Debian 12 has, ends at a
// segmentation fault inside of ONNX Runtime, under onnxruntime-node as well.
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from '../../processes.mjs';
import { unpackPinned } from '../../setup/debian.mjs';
import { findProgram } from '../../setup/packages.mjs';
import { inRoot, run } from '../../setup/run.mjs';
import { fetchNpm, kept, pins } from '../parts.mjs';
import { tarballOf } from './packed.mjs';
import { expectWorkingDoctor, Project } from './project.mjs';
import { Skipped } from './skipped.mjs';

/** A processor of servers (Graviton 3), with SVE. */
const server = 'neoverse-v1';
/** All that qemu can emulate in one, with SME too, for which newer OpenBLAS has wrong kernels: native/portable/blas_kernels.cpp. */
const everything = 'max';

/** Of float32 and beyond the size up to which those kernels are right. */
const cholesky = `
  import { open, tensor } from 'tensorlane';
  const n = 64;
  const element = (i, j) => 1 / (1 + Math.abs(i - j)) + (i === j ? n : 0);
  const rows = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => element(i, j)));
  const device = await open('cpu');
  const { data } = await device.linalg.cholesky(tensor(rows));
  let worst = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k <= j; k++) sum += data[i * n + k] * data[j * n + k];
      worst = Math.max(worst, Math.abs(sum - rows[i][j]));
    }
  }
  console.log(worst < 1e-4 ? 'right' : \`wrong by \${worst}\`);
  await device.dispose();`;

/** What cross-compilers link against, and so what is here where the package was made. */
const libraries = '/usr/aarch64-linux-gnu';

/** Writes a program into a folder that is Node for arm64, and gives its path. */
async function emulatedNode(folder, processor = server) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Skipped('it is emulated on Linux, on x64, only');
  if (!existsSync(path.join(libraries, 'lib', 'libstdc++.so.6')))
    throw new Skipped(`${libraries} has no C++ library: apt-get install libstdc++6-arm64-cross`);
  const { archive, version, file, sha256 } = pins.qemu;
  const qemu = await kept(`qemu-${version}`, `fetched qemu ${version}`, async (to) => {
    await unpackPinned({ archive, files: [{ file, sha256 }] }, path.join(to, 'work'), ['./usr/bin/qemu-aarch64']);
    renameSync(path.join(to, 'work', 'root', 'usr', 'bin', 'qemu-aarch64'), path.join(to, 'qemu-aarch64'));
    rmSync(path.join(to, 'work'), { recursive: true });
  });
  const node = await kept(`node-arm64-${pins.nodeArm64.version}`, 'fetched Node for arm64', async (to) => {
    const tarball = await fetchNpm(pins.nodeArm64, to);
    await run('package', 'tar', ['-xzf', tarball, '-C', to, '--strip-components=2', 'package/bin/node']);
    rmSync(tarball);
  });
  const program = path.join(folder, 'node-arm64');
  const words = [path.join(qemu, 'qemu-aarch64'), '-cpu', processor, '-L', libraries, path.join(node, 'node')];
  words.push('--import', inRoot('scripts', 'package', 'check', 'exec-path.mjs'));
  const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const lines = ['#!/bin/sh', `export TENSORLANE_TEST_NODE='${program}'`, `exec ${quoted} "$@"`, ''];
  writeFileSync(program, lines.join('\n'), { mode: 0o755 });
  return program;
}

/** @type {import('./surroundings.mjs').Check[]} */
export const arm64 = [
  {
    name: 'arm64, installed on x64 and emulated',
    async run({ registry, version, folder }) {
      tarballOf('linux-arm64');
      const node = await emulatedNode(folder('node'));
      const project = new Project(folder(''), { dependencies: { tensorlane: version } });
      const platform = ['--os=linux', '--cpu=arm64', '--libc=glibc'];
      const quiet = ['--ignore-scripts', '--no-audit', '--no-fund'];
      await project.command('npm', 'install', ...quiet, ...platform, '--registry', registry);
      const packages = readdirSync(path.join(project.folder, 'node_modules', '@tensorlane'));
      if (packages.join() !== 'linux-arm64') throw new Error(`npm installed ${packages}`);
      await project.expectAllRight(node);
      project.write('cholesky.mjs', cholesky);
      await project.expectRight(await emulatedNode(folder('node-everything'), everything), 'cholesky.mjs');
      expectWorkingDoctor(await project.command(node, 'node_modules/.bin/tensorlane', 'doctor', '--json'));
    },
  },
  {
    name: 'arm64, tests',
    long: true,
    async run({ tools, folder }) {
      const node = await emulatedNode(folder('node'));
      const unpacked = folder('package');
      await run('package', 'tar', ['-xzf', tarballOf('linux-arm64'), '-C', unpacked, '--strip-components=1']);
      const env = {
        TENSORLANE_TEST_NODE: node,
        TENSORLANE_TEST_CC: findProgram('aarch64-linux-gnu-gcc-12') ?? 'aarch64-linux-gnu-gcc',
        TENSORLANE_ADDON: path.join(unpacked, 'tensorlane.node'),
        TENSORLANE_ONNXRUNTIME: path.join(unpacked, 'libonnxruntime.so.1'),
      };
      // Messages between processes are those of one version of V8.
      const vitest = [path.join(tools, 'node20', 'bin', 'node'), inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run'];
      const some = (process.env.TENSORLANE_ARM64_TESTS ?? '').split(' ').filter(Boolean);
      const { ok, output } = await runProgram([...vitest, '--config', 'vitest.arm64.config.ts', ...some], { env });
      if (!ok) throw new Error(`the tests failed: ${output.trim().slice(-2000)}`);
    },
  },
];
