// The steps after the system packages: npm's dependencies, the native addon (plain, with CUDA, or emulating it), the compiled
// TypeScript.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { inRoot, run, step } from './run.mjs';

const tool = (...parts) => inRoot('node_modules', ...parts);

/** npm writes node_modules/.package-lock.json last, so what it lists is really there: no stamp of our own is needed. */
export const dependencies = {
  done() {
    const listed = readJson(inRoot('package-lock.json'))?.packages;
    const installed = readJson(tool('.package-lock.json'))?.packages;
    if (!listed || !installed) return false;
    const same = (a, b) => a !== undefined && a.version === b.version && a.integrity === b.integrity;
    return (
      Object.keys(installed).every((name) => same(listed[name], installed[name])) &&
      // Optional ones are for other platforms.
      Object.keys(listed).every((name) => name === '' || listed[name].optional || same(installed[name], listed[name]))
    );
  },
  run: () =>
    step('installed the npm dependencies', () => {
      // The dev dependencies are needed whatever NODE_ENV says. onnxruntime-node's install script would download its CUDA
      // provider wherever it sees nvcc, and fail the whole installation where it can't.
      const args = ['ci', '--include=dev', '--no-audit', '--no-fund'];
      const options = {
        env: { ONNXRUNTIME_NODE_INSTALL: 'skip' },
        hint: 'Most often the npm registry could not be reached, or package.json was changed without package-lock.json.',
      };
      const cli = process.env.npm_execpath;
      if (cli && path.basename(cli) === 'npm-cli.js') return run('npm', process.execPath, [cli, ...args], options);
      return run('npm', 'npm', args, options);
    }),
};

export const addon = stamped({
  name: 'addon',
  title: 'built the native addon',
  inputs: ['CMakeLists.txt', 'native', 'package-lock.json'],
  output: 'build/Release/tensorlane.node',
  work: () => buildAddon('build', 'tensorlane', ['TENSORLANE_CUDA=off']),
});

/**
 * The addon with the CUDA device, in build/cuda; `toolkit` is a step of setup/cuda.mjs that is done before. It is made in build/, as
 * the plain one is, with which it shares all but that device; one for a version that was asked for has a build folder of its own.
 * @param {{ toolkit(): { nvcc: string, include: string } }} toolkit
 * @param {{ version?: string, architectures?: string }} [choice]
 */
export function cudaAddon(toolkit, { version, architectures } = {}) {
  const folder = version ? `build/cuda-${version}` : 'build/cuda';
  const options = ['TENSORLANE_CUDA=nvcc', ...cudaOptions(toolkit.toolkit(), architectures)];
  return stamped({
    name: path.basename(folder),
    title: `built the native addon with its CUDA device in ${folder}`,
    inputs: [
      'CMakeLists.txt',
      'native',
      'cuda',
      'test/gpu',
      'test/emulation/tests',
      'test/conformance',
      'bench/gpu',
      'package-lock.json',
    ],
    also: options.join(' '),
    output: `${folder}/Release/tensorlane.node`,
    work: () =>
      version
        ? buildAddon(folder, 'all', options)
        : buildAddon('build', 'all', ['TENSORLANE_CUDA_FOLDER=cuda', ...options]),
  });
}

// Of these, all that nvcc knows; fewer are built sooner.
const allArchitectures = '75;80;86;89;90;100;120';

export function cudaOptions({ nvcc, include }, architectures = process.env.TENSORLANE_CUDA_ARCHITECTURES) {
  return [
    `CMAKE_CUDA_COMPILER=${nvcc}`,
    ...(include ? [`TENSORLANE_CUDA_INCLUDE=${include}`] : []),
    `TENSORLANE_CUDA_ARCHITECTURES=${architectures || allArchitectures}`,
  ];
}

/** The addon with the CUDA device on an emulated GPU, in build/emulation: it shares all but that device with the plain one. */
export const emulatedAddon = stamped({
  name: 'emulation',
  title: 'built the native addon with its CUDA device on an emulated GPU',
  inputs: ['CMakeLists.txt', 'native', 'cuda', 'test/emulation', 'test/gpu', 'bench/gpu/raw.cpp', 'package-lock.json'],
  output: 'build/emulation/Release/tensorlane.node',
  work: () => buildAddon('build', 'emulation', ['TENSORLANE_CUDA=emulated']),
});

export async function buildAddon(folder, target, options = []) {
  forgetOtherBuild(inRoot(folder), options);
  const cmakeJs = tool('cmake-js', 'bin', 'cmake-js');
  const log = folder.replaceAll('/', '-');
  const hint = `If the sources are as they should be, remove ${folder}/ and run this again.`;
  const common = ['--out', inRoot(folder), '--config', 'Release', ...options.map((option) => `--CD${option}`)];
  // Configured each time: cmake-js itself does so only once, and would miss a new Node.js or new paths.
  await run(log, process.execPath, [cmakeJs, 'configure', ...common], { hint });
  await run(
    log,
    process.execPath,
    [cmakeJs, 'build', ...common, '--target', target, '--parallel', `${availableParallelism()}`],
    { hint },
  );
}

export const typescript = stamped({
  name: 'typescript',
  title: 'compiled the TypeScript',
  inputs: ['lib', 'binding.d.ts', 'tsconfig.json', 'package-lock.json'],
  output: 'dist/index.js',
  work: () => compile('.'),
});

/** The folders of the packages beside the root's own. */
export const workspaceFolders = readdirSync(inRoot('packages'))
  .filter((name) => existsSync(inRoot('packages', name, 'package.json')))
  .map((name) => path.join('packages', name));

/** The packages of packages/, on top of what the step before compiled. */
export const workspaces = stamped({
  name: 'workspaces',
  title: 'compiled the packages',
  inputs: [
    ...typescript.inputs,
    ...workspaceFolders.flatMap((folder) =>
      ['lib', 'tsconfig.json', 'package.json'].map((name) => path.join(folder, name)),
    ),
  ],
  outputs: workspaceFolders.map((folder) => path.join(folder, 'dist')),
  async work() {
    for (const folder of workspaceFolders) await compile(folder);
  },
});

async function compile(folder) {
  const dist = inRoot(folder, 'dist');
  await run('typescript', process.execPath, [
    tool('typescript', 'bin', 'tsc'),
    '-p',
    path.join(folder, 'tsconfig.json'),
  ]);
  // What a source that is gone had left behind would still be published.
  for (const file of filesUnder(dist)) {
    const source = path.relative(dist, file).replace(/(?:\.d\.([cm]?)ts|\.([cm]?)js)(\.map)?$/, '.$1$2ts');
    if (!existsSync(inRoot(folder, 'lib', source))) rmSync(file);
  }
}

/** A step that is done when its inputs are those of the last time it ended well, and its output (or each of several) is there. */
function stamped({ name, title, inputs, also = '', output = '', outputs = [output], work }) {
  const stamp = inRoot('build', '.setup', name);
  return {
    inputs,
    done: () =>
      outputs.every((name) => existsSync(inRoot(name))) &&
      existsSync(stamp) &&
      readFileSync(stamp, 'utf8') === hash(inputs, also),
    async run() {
      // Taken first: a source that changes during the work makes the step run again.
      const before = hash(inputs, also);
      rmSync(stamp, { force: true });
      await step(title, work);
      mkdirSync(path.dirname(stamp), { recursive: true });
      writeFileSync(stamp, before);
    },
  };
}

function hash(inputs, also) {
  const sum = createHash('sha256').update(`${process.platform} ${process.arch}${also && ` ${also}`}`);
  for (const input of inputs) {
    for (const file of filesUnder(inRoot(input)))
      sum.update(`\0${path.relative(inRoot(), file)}\0`).update(readFileSync(file));
  }
  return sum.digest('hex');
}

/** The files of a folder and its subfolders in a stable order; a file itself; nothing if there is nothing. */
function filesUnder(where) {
  try {
    const entries = readdirSync(where, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
    return entries.flatMap((entry) =>
      entry.isDirectory() ? filesUnder(path.join(where, entry.name)) : [path.join(where, entry.name)],
    );
  } catch (error) {
    if (error.code === 'ENOTDIR') return [where];
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * CMake refuses a build folder that was configured somewhere else, as after the whole directory was moved or copied, and
 * never changes the compiler of one.
 */
function forgetOtherBuild(folder, options) {
  const cache = path.join(folder, 'CMakeCache.txt');
  if (!existsSync(cache)) return;
  const entry = (name) => new RegExp(`^${name}:[A-Z]+=(.*)$`, 'm').exec(readFileSync(cache, 'utf8'))?.[1];
  const home = entry('CMAKE_HOME_DIRECTORY');
  const nvcc = options.find((option) => option.startsWith('CMAKE_CUDA_COMPILER='))?.replace(/^.*?=/, '');
  const same = (a, b) => !a || !b || path.resolve(a) === path.resolve(b);
  if (same(home, inRoot()) && same(nvcc, entry('CMAKE_CUDA_COMPILER'))) return;
  rmSync(cache);
  rmSync(path.join(folder, 'CMakeFiles'), { recursive: true, force: true });
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
