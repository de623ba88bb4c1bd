// What goes into a package and is fetched once: an old glibc to link against, a static OpenBLAS, the notices of ONNX Runtime. It is
// kept outside of the clone, in the user's cache, under names that say its version.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { unpackPinned } from '../setup/debian.mjs';
import { run, SetupError, step } from '../setup/run.mjs';
import { unpackWheels } from '../setup/wheels.mjs';

export const pins = JSON.parse(readFileSync(new URL('./pins.json', import.meta.url), 'utf8'));
const cache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'tensorlane', 'package');

/** A folder with the libraries of glibc 2.17, for one machine. */
export function sysroot({ arch, machine }) {
  const pin = pins.sysroots[arch];
  return kept(
    `glibc-2.17-${arch}-${pin.version}`,
    `fetched the libraries of glibc 2.17 for ${arch}`,
    async (folder) => {
      const file = await fetchNpm(pin, folder);
      const unpack =
        'tar -xOzf "$1" "package/$2.tar.xz" | tar -xJ -C "$3" --strip-components=3 --wildcards "*/sysroot/lib/*" "*/sysroot/usr/lib/*"';
      await run('package', 'bash', ['-o', 'pipefail', '-c', unpack, 'bash', file, machine.sysroot, folder]);
      rmSync(file);
    },
  );
}

/**
 * A static OpenBLAS with the kernels of all CPUs and LAPACK: Debian's own build of it, of a suite that is newer than what is installed.
 * @param {import('./targets.mjs').Target} target
 * @returns {Promise<{ include: string, library: string, copyrights: string[], version: string }>}
 */
export async function openblas({ arch, machine }) {
  const { archive, packages } = pins.openblas;
  const version = packages[0].version;
  const folder = await kept(`openblas-${version}-${arch}`, `fetched OpenBLAS for ${arch}`, async (to) => {
    const work = path.join(to, 'work');
    const files = packages.map(({ pool, name, version, sha256 }) => ({
      file: `${pool}/${name}_${version}_${machine.debian}.deb`,
      sha256: sha256[arch],
    }));
    // LAPACK is inside OpenBLAS's library already; only its terms are wanted.
    await unpackPinned({ archive, files }, work, [`--exclude=./usr/lib/${machine.triplet}/*lapack*`]);
    renameSync(path.join(work, 'root', 'usr'), path.join(to, 'usr'));
    rmSync(work, { recursive: true });
  });
  return {
    include: path.join(folder, 'usr', 'include', machine.triplet, 'openblas-pthread'),
    library: path.join(folder, 'usr', 'lib', machine.triplet, 'openblas-pthread', 'libopenblas.a'),
    copyrights: packages.map(({ name }) => path.join(folder, 'usr', 'share', 'doc', name, 'copyright')),
    version,
  };
}

/** A folder with the LICENSE and the ThirdPartyNotices.txt of this version of ONNX Runtime, which its npm package lacks. */
export function onnxRuntimeNotices(version) {
  return kept(`onnxruntime-${version}-notices`, `fetched the notices of ONNX Runtime ${version}`, (folder) =>
    unpackWheels({ onnxruntime: version }, folder, (file) =>
      /^onnxruntime\/(LICENSE|ThirdPartyNotices\.txt)$/.test(file) ? path.basename(file) : undefined,
    ),
  );
}

/** Resolves to the tarball, in a folder, of a package of npm's that is known by its checksum. */
export async function fetchNpm({ package: name, version, integrity }, folder) {
  await run('package', 'npm', ['pack', `${name}@${version}`, '--pack-destination', folder, '--loglevel=error']);
  const file = path.join(folder, readdirSync(folder).find((entry) => entry.endsWith('.tgz')) ?? '');
  const sum = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
  if (sum !== integrity) throw new SetupError(`${name}@${version} is not what it was: its checksum is ${sum}`);
  return file;
}

/** The folder of that name in the cache, made where it is not there; never half of it. */
export async function kept(name, title, make) {
  const folder = path.join(cache, name);
  if (existsSync(folder)) return folder;
  const making = `${folder}.part-${process.pid}`;
  mkdirSync(making, { recursive: true });
  try {
    await step(title, () => make(making), 'package');
    if (!existsSync(folder)) renameSync(making, folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return folder;
}
