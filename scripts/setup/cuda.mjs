// A CUDA toolkit: the one that is here, or pinned parts of one in build/cuda-toolkit, put there without root. Only what
// compiling needs: the libraries themselves (cuBLAS, cuSOLVER, NVRTC) are opened at run time.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { ask } from '../processes.mjs';
import { unpackDebian } from './debian.mjs';
import { findProgram } from './packages.mjs';
import { inRoot, SetupError, step } from './run.mjs';
import { unpackWheels } from './wheels.mjs';

export const pins = JSON.parse(readFileSync(new URL('./cuda.json', import.meta.url), 'utf8'));
const cudaVersions = Object.keys(pins);

const target = process.arch === 'arm64' ? 'sbsa-linux' : 'x86_64-linux';
export const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
const libraryHeaders = ['cublas_v2.h', 'cusolverDn.h', 'cusparse.h', 'nvrtc.h'];
export const ours = (name) => inRoot('build', 'cuda-toolkit', name);

/**
 * The set-up step for a toolkit of one CUDA version ('12', '13'), or of any. `own` passes over what is installed here.
 * `purpose` names the system packages that it takes. `toolkit()` is { nvcc, include }: the compiler, and a folder of headers
 * that it lacks, or ''; they are there once the step is done.
 * @param {{ version?: string, own?: boolean }} [options]
 */
function cudaToolkit({ version, own = false } = {}) {
  const installed = own ? undefined : findInstalled(version);
  const parts = installed
    ? installed.complete
      ? []
      : [headers(installed.version)]
    : [version === '12' ? debianToolkit : pipToolkit];
  return {
    purpose: parts.every((part) => isDone(part) || part === debianToolkit) ? 'base' : 'cuda',
    done: () => parts.every(isDone),
    async run() {
      for (const part of parts) if (!isDone(part)) await put(part);
    },
    toolkit: () => ({
      nvcc: installed?.nvcc ?? path.join(ours(parts[0].name), 'bin', 'nvcc'),
      include: installed && !installed.complete ? path.join(ours(parts[0].name), 'include') : '',
    }),
  };
}

/** The step that a script's options ask for: [--cuda 12|13] [--own]. */
export function readToolkitOptions(args) {
  const at = args.indexOf('--cuda');
  const version = at < 0 ? undefined : args[at + 1];
  if (at >= 0 && !cudaVersions.includes(version))
    throw new SetupError(`--cuda takes one of: ${cudaVersions.join(', ')}`);
  return { version, step: cudaToolkit({ version, own: args.includes('--own') }) };
}

/** The toolkit of this machine that CUDA_HOME names, or the first in the usual places that can compile this project. */
function findInstalled(version) {
  const named = process.env.CUDA_HOME || process.env.CUDA_PATH;
  const nvcc = findProgram('nvcc');
  const usual = [
    '/usr/local/cuda',
    ...cudaVersions.toReversed().map((major) => `/usr/local/cuda-${major}`),
    '/opt/cuda',
  ];
  const homes = named ? [named] : [...usual, ...(nvcc ? [path.join(path.dirname(realpathSync(nvcc)), '..')] : [])];
  for (const home of homes) {
    const found = examine(home);
    if (found && (version ? found.version === version : cudaVersions.includes(found.version ?? ''))) return found;
  }
  if (named)
    throw new SetupError(
      `CUDA_HOME names ${named}, where there is no complete CUDA toolkit ${version ?? cudaVersions.join(' or ')} ` +
        '(bin/nvcc, cuda_runtime.h, libcudart_static.a). Unset it to have one put into build/cuda-toolkit.',
    );
  return undefined;
}

function examine(home) {
  const nvcc = path.join(home, 'bin', 'nvcc');
  const include = [`${home}/include`, `${home}/targets/${target}/include`].find((dir) => has(dir, 'cuda_runtime.h'));
  const libraries = ['lib64', 'lib', `targets/${target}/lib`, `lib/${triplet}`].map((dir) => path.join(home, dir));
  if (!existsSync(nvcc) || !include || !libraries.some((dir) => has(dir, 'libcudart_static.a'))) return undefined;
  const output = ask(nvcc, '--version') ?? '';
  const version = /release (\d+)\./.exec(output)?.[1];
  return { nvcc, version, complete: libraryHeaders.every((name) => has(include, name)) };
}

const has = (dir, name) => existsSync(path.join(dir, name));

const pipToolkit = {
  name: '13',
  title: 'put a CUDA 13 toolkit from pip into build/cuda-toolkit/13',
  pins: pins[13],
  async put(folder) {
    await unpackWheels({ ...pins[13].wheels, ...pins[13].headers }, folder, (file) => {
      const [, name] = /^nvidia\/[^/]+\/((?:bin|include|nvvm|lib)\/.+)$/.exec(file) ?? [];
      return name && !/^lib\/.*\.so/.test(name) ? name : undefined;
    });
    linkTargets(folder);
  },
};

const headers = (version) => ({
  name: `headers-${version}`,
  title: `put the headers of CUDA's libraries from pip into build/cuda-toolkit/headers-${version}`,
  pins: pins[version].headers,
  put: (folder) =>
    unpackWheels(pins[version].headers, folder, (file) => /^nvidia\/[^/]+\/(include\/.+)$/.exec(file)?.[1]),
});

// pip has no nvcc of CUDA 12, and Debian has: its packages are unpacked, not installed.
const debianToolkit = {
  name: '12',
  title: 'put the CUDA 12 toolkit of Debian into build/cuda-toolkit/12',
  pins: pins[12],
  async put(folder) {
    const work = path.join(folder, 'work');
    // The libraries themselves, gigabytes, are not wanted.
    const unwanted = ['lib[!c]*', 'libcu[!d]*'].map((name) => `--exclude=./usr/lib/${triplet}/${name}`);
    await unpackDebian(pins[12].debian, work, unwanted);
    arrange(path.join(work, 'root'), folder);
    rmSync(work, { recursive: true });
    linkTargets(folder);
  },
};

/** Moves what Debian spreads over /usr to where nvcc looks by itself. */
function arrange(from, to) {
  const debian = path.join(from, 'usr', 'lib', 'nvidia-cuda-toolkit');
  const move = (source, ...parts) => {
    const at = path.join(to, ...parts);
    mkdirSync(path.dirname(at), { recursive: true });
    cpSync(source, at, { recursive: true, dereference: false, force: true });
    rmSync(source, { recursive: true });
  };
  move(path.join(from, 'usr', 'include'), 'include');
  for (const name of ['bin2c', 'cudafe++', 'fatbinary', 'nvlink', 'ptxas', '__nvcc_device_query'])
    move(path.join(from, 'usr', 'bin', name), 'bin', name);
  move(path.join(debian, 'bin', 'nvcc'), 'bin', 'nvcc');
  move(path.join(debian, 'bin', 'crt'), 'bin', 'crt');
  move(path.join(debian, 'bin', 'cicc'), 'nvvm', 'bin', 'cicc');
  move(path.join(debian, 'libdevice'), 'nvvm', 'libdevice');
  for (const name of ['libcudart_static.a', 'libcudadevrt.a'])
    move(path.join(from, 'usr', 'lib', triplet, name), 'lib', name);
  writeFileSync(
    path.join(to, 'bin', 'nvcc.profile'),
    [
      'TOP = $(_HERE_)/..',
      'CICC_PATH = $(TOP)/nvvm/bin',
      'NVVMIR_LIBRARY_DIR = $(TOP)/nvvm/libdevice',
      'PATH += $(CICC_PATH):$(_HERE_):',
      'INCLUDES += "-I$(TOP)/include" $(_SPACE_)',
      'LIBRARIES =+ $(_SPACE_) "-L$(TOP)/lib"',
      '',
    ].join('\n'),
  );
}

/** nvcc and CMake look for headers and libraries by the platform's name. */
function linkTargets(folder) {
  mkdirSync(path.join(folder, 'targets', target), { recursive: true });
  for (const name of ['include', 'lib']) symlinkSync(`../../${name}`, path.join(folder, 'targets', target, name));
  symlinkSync('lib', path.join(folder, 'lib64'));
  for (const name of readdirSync(path.join(folder, 'bin'), { withFileTypes: true }))
    if (name.isFile() && !name.name.endsWith('.profile')) chmodSync(path.join(folder, 'bin', name.name), 0o755);
}

const stampOf = (part) => path.join(ours(part.name), '.complete');
const hash = (part) =>
  createHash('sha256')
    .update(`${process.arch} ${JSON.stringify(part.pins)}`)
    .digest('hex');
export const isDone = (part) => existsSync(stampOf(part)) && readFileSync(stampOf(part), 'utf8') === hash(part);

export async function put(part) {
  const folder = ours(part.name);
  const making = `${folder}.part`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  await step(part.title, () => part.put(making));
  writeFileSync(path.join(making, '.complete'), hash(part));
  rmSync(folder, { recursive: true, force: true });
  renameSync(making, folder);
}
