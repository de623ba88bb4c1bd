// The rule for an addon with a CUDA device: it takes every driver from the first of its CUDA version on, says of an older one that it
// is too old, and has the CPU all the same. No GPU is needed: a driver that has none, and tells any version, stands in for NVIDIA's.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { inRoot, runProgram } from '../processes.mjs';
import { run, SetupError } from '../setup/run.mjs';

const program = `
  const addon = require(process.argv[1]);
  addon.findDevices().then(({ devices, noCuda }) => console.log(devices.map(({ kind }) => kind).join(), noCuda));`;

/** Throws a SetupError that says what is not so; `folder` is for the driver. */
export async function checkDriverRule(addon, cuda, folder) {
  const driver = path.join(folder, 'driver');
  mkdirSync(driver, { recursive: true });
  const library = path.join(driver, 'libcuda.so.1');
  await run('package', 'c++', ['-shared', '-fPIC', '-O1', '-o', library, inRoot('scripts', 'package', 'driver.cpp')]);
  const rule = /** @type {[driver: number, expected: string][]} */ ([
    [cuda * 1000 - 10, `cpu the NVIDIA driver supports CUDA up to ${cuda - 1}.99, and this is built for CUDA ${cuda}.`],
    [cuda * 1000, `cpu the NVIDIA driver (CUDA ${cuda}.0) finds no GPU: cudaGetDeviceCount: cudaErrorNoDevice`],
  ]);
  for (const [version, expected] of rule) {
    const { output } = await runProgram([process.execPath, '-e', program, addon], {
      env: { LD_LIBRARY_PATH: driver, DRIVER_VERSION: `${version}`, NODE_OPTIONS: '' },
      show: false,
    });
    if (!output.startsWith(expected))
      throw new SetupError(
        `${addon}, with a driver of CUDA ${version / 1000}, should have said:\n  ${expected}\nIt said:\n  ${output}`,
      );
  }
}
