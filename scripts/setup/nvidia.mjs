// NVIDIA's headers and libraries as they are installed beside a driver, for the tests in test/nvidia: CUDA 13 from pip, and
// where pip has them not, CUDA 12 from Debian. They are a gigabyte, and are put into build/cuda-toolkit once.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { isDone, ours, pins, put, triplet } from './cuda.mjs';
import { unpackDebian } from './debian.mjs';
import { SetupError, takeLock } from './run.mjs';

const pipWheels = ['nvidia-cuda-runtime', 'nvidia-cuda-crt', 'nvidia-cuda-cccl'];
const pipPins = {
  ...Object.fromEntries(pipWheels.map((name) => [name, pins[13].wheels[name]])),
  ...pins[13].headers,
  ...pins[13].libraries,
};
// Of the wheels, what a program is compiled with and what it opens; the site-packages of a python, that is.
const wanted = /^nvidia\/cu13\/(include\/(?!cccl\/(?!nv\/))|lib\/(libcudart_static\.a|lib[^/.]+\.so))/;
const unwanted = /libcusolverMg|libnvblas/;

const fromPip = {
  name: 'nvidia-13',
  title: "put CUDA 13's libraries from pip into build/cuda-toolkit/nvidia-13",
  pins: pipPins,
  async put(folder) {
    const { unpackWheels } = await import('./wheels.mjs');
    await unpackWheels(pipPins, folder, (file) => (wanted.test(file) && !unwanted.test(file) ? file : undefined));
  },
  files(site) {
    const folder = path.join(site, 'nvidia', 'cu13');
    const include = path.join(folder, 'include');
    return { major: 13, site, include: [include, path.join(include, 'cccl')], libraries: path.join(folder, 'lib') };
  },
};

const fromDebian = {
  name: 'nvidia-12',
  title: "put CUDA 12's libraries from Debian into build/cuda-toolkit/nvidia-12",
  pins: pins[12].debian,
  async put(folder) {
    const work = path.join(folder, 'work');
    // Static libraries, but for the runtime's, are gigabytes.
    const options = ['--exclude=./usr/share/*', `--exclude=./usr/lib/${triplet}/lib*[!t]_static*.a`];
    await unpackDebian({ ...pins[12].debian, packages: pins[12].debian.libraries }, work, options);
    const root = path.join(work, 'root', 'usr');
    cpSync(path.join(root, 'include'), path.join(folder, 'include'), { recursive: true });
    mkdirSync(path.join(folder, 'lib'));
    const libraries = path.join(root, 'lib', triplet);
    for (const name of readdirSync(libraries).filter((entry) => /\.so\.|^libcudart_static/.test(entry)))
      cpSync(path.join(libraries, name), path.join(folder, 'lib', name), { verbatimSymlinks: true });
    rmSync(work, { recursive: true });
  },
  files: (folder) => ({
    major: 12,
    include: [path.join(folder, 'include')],
    libraries: path.join(folder, 'lib'),
  }),
};

/**
 * { major, include, libraries, site }: folders of headers, the folder of the libraries, and the one below which pip would
 * have put it. Where they cannot be had, { why }.
 * @returns {Promise<any>}
 */
export async function nvidiaFiles() {
  const reasons = [];
  for (const part of [fromPip, fromDebian]) {
    try {
      if (!isDone(part)) await fetched(part);
      return part.files(ours(part.name));
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      rmSync(`${ours(part.name)}.part`, { recursive: true, force: true });
      reasons.push(error.message.split('\n')[0]);
    }
  }
  return { why: `NVIDIA's files could be had neither from pip nor from Debian (${reasons.join(' ')})` };
}

async function fetched(part) {
  const release = await takeLock();
  try {
    if (!isDone(part)) await put(part);
  } finally {
    release();
  }
}

/** A library of the static ones that came with them. */
export function staticRuntime({ libraries }) {
  const file = path.join(libraries, 'libcudart_static.a');
  if (!existsSync(file)) throw new SetupError(`There is no ${file}.`);
  return file;
}
