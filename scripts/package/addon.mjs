// The addon of one package, with everything inside.
import path from 'node:path';
import { findProgram } from '../setup/packages.mjs';
import { inRoot, run, step } from '../setup/run.mjs';
import { cudaOptions } from '../setup/steps.mjs';
import { openblas, sysroot } from './parts.mjs';

/**
 * Resolves to the stripped file.
 * @param {import('./targets.mjs').Target} target
 * @param {{ toolkit(): { nvcc: string, include: string } }} [toolkit] for one with a CUDA device
 */
export async function compileAddon(target, toolkit) {
  const { folder, tools, arch, name } = target;
  const blas = await openblas(target);
  const compiler = findProgram(`${tools}g++-12`) ?? `${tools}g++`;
  const options = [
    `TENSORLANE_SYSROOT=${await sysroot(target)}`,
    `OPENBLAS_INCLUDE=${blas.include}`,
    `OPENBLAS_LIBRARY=${blas.library}`,
    `CMAKE_CXX_COMPILER=${compiler}`,
    ...(tools ? ['CMAKE_SYSTEM_NAME=Linux', `CMAKE_SYSTEM_PROCESSOR=${target.machine.triplet.split('-')[0]}`] : []),
    ...(toolkit
      ? ['TENSORLANE_CUDA=nvcc', `CMAKE_CUDA_HOST_COMPILER=${compiler}`, ...cudaOptions(toolkit.toolkit())]
      : []),
  ];
  const prebuildify = [
    inRoot('node_modules', 'prebuildify', 'bin.js'),
    ...['--napi', '--strip', '--tag-libc', '--name', 'tensorlane', '--cwd', folder, '--target', process.versions.node],
    ...['--platform', 'linux', '--arch', arch, '--libc', 'glibc', '--strip-bin', `${tools}strip`],
    ...['--node-gyp', inRoot('scripts', 'package', 'compile.mjs')],
  ];
  const only = toolkit && process.env.TENSORLANE_CUDA_ARCHITECTURES;
  await step(
    `compiled the addon of ${name}${only ? `, for GPUs of ${only} alone` : ''}`,
    () =>
      run('package', process.execPath, prebuildify, {
        env: { TENSORLANE_PACKAGE: JSON.stringify({ folder: path.relative(inRoot(), folder), tools, options }) },
      }),
    'package',
  );
  return path.join(folder, 'prebuilds', `linux-${arch}`, 'tensorlane.glibc.node');
}
