// The packages that carry the addon: a platform and, where it has one, the CUDA version of its CUDA device.
import { inRoot } from '../processes.mjs';

const machines = {
  x64: { debian: 'amd64', triplet: 'x86_64-linux-gnu', sysroot: 'x86_64-unknown-linux-gnu' },
  arm64: { debian: 'arm64', triplet: 'aarch64-linux-gnu', sysroot: 'aarch64-unknown-linux-gnu' },
};

/**
 * @typedef {object} Target
 * @property {string} name without its scope
 * @property {'x64' | 'arm64'} arch
 * @property {string} [cuda]
 * @property {{ debian: string, triplet: string, sysroot: string }} machine
 * @property {string} tools what goes before the names of this machine's binutils
 * @property {string} folder where all of it is made
 */

/** @returns {Target} */
const target = (arch, cuda) => {
  const name = `linux-${arch}${cuda ? `-cuda${cuda}` : ''}`;
  const machine = machines[arch];
  const tools = arch === process.arch ? '' : `${machine.triplet}-`;
  return { name, arch, cuda, machine, tools, folder: inRoot('build', 'package', name) };
};

export const targets = [target('x64'), target('arm64'), target('x64', '13'), target('x64', '12')];
