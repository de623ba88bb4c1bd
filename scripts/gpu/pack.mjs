// Packs what checks a real GPU into build/gpu/tensorlane-gpu.tar.xz: Node, the addon and the libraries it links, the tests and
// the benchmarks with the packages they import. scripts/gpu/check.sh unpacks and runs it, where nothing of that may be.
//   node scripts/gpu/pack.mjs                 build/cuda/Release/tensorlane.node
//   node scripts/gpu/pack.mjs --emulated      the one in build/emulation: what a GPU will be checked with, tried out here
//   node scripts/gpu/pack.mjs --addon FILE    another one, for --device cpu
//
// What is carried: test/cuda/** and bench/gpu/** with whatever they import, and the programs in build/cuda/tests and
// build/cuda/bench: see cuda/cuda.cmake.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { readToolkitOptions } from '../setup/cuda.mjs';
import { findProgram, packages } from '../setup/packages.mjs';
import { inRoot, run, SetupError, step } from '../setup/run.mjs';
import { cudaAddon, dependencies, emulatedAddon, typescript } from '../setup/steps.mjs';
import { doSteps, orExit } from '../setup.mjs';

const limit = 60e6;
// Without ONNX Runtime, so without what loads models.
const carried = [
  'test/cuda',
  'test/device',
  'test/linalg',
  'test/ops',
  'test/streams.test.ts',
  'test/tensor',
  'bench/gpu',
  'vitest.config.ts',
  'vitest.cuda.config.ts',
];
const stage = inRoot('build', 'gpu', 'tensorlane-gpu');
const archive = inRoot('build', 'gpu', 'tensorlane-gpu.tar.xz');

const args = process.argv.slice(2);
const emulated = args.includes('--emulated');
const given = args.includes('--addon') ? args[args.indexOf('--addon') + 1] : undefined;

await orExit(async () => {
  if (given || emulated) {
    await doSteps([packages('base'), dependencies, ...(emulated ? [emulatedAddon] : []), typescript]);
    if (emulated) await step('built its programs', emulatedPrograms, 'pack');
  } else {
    const { step: toolkit } = readToolkitOptions([]);
    await doSteps([packages(toolkit.purpose), dependencies, toolkit, cudaAddon(toolkit), typescript]);
  }
  await step('collected the files', collect, 'pack');
  await step('packed them', compress, 'pack');
  const size = statSync(archive).size;
  console.log(`pack: ${path.relative(process.cwd(), archive)}, ${(size / 1e6).toFixed(1)} MB`);
  if (size > limit) throw new SetupError(`That is more than ${limit / 1e6} MB. Before packing:\n${largest()}`);
});

function collect() {
  rmSync(path.dirname(stage), { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  const build = emulated ? 'build/emulation' : 'build/cuda';
  const addon = given ? path.resolve(given) : inRoot(build, 'Release', 'tensorlane.node');
  const node = realpathSync(process.execPath);
  copyProgram(node, 'bin/node');
  copyProgram(addon, 'build/Release/tensorlane.node');
  for (const library of new Set([...linked(addon), ...linked(node)]))
    copyProgram(realpathSync(library), `libraries/${path.basename(library)}`);
  for (const folder of given ? [] : ['tests', 'bench'])
    for (const name of programsIn(`${build}/${folder}`))
      copyProgram(inRoot(build, folder, name), `build/cuda/${folder}/${name}`);
  if (emulated)
    for (const name of programsIn(`${build}/emulated-cuda/lib`))
      copyProgram(inRoot(build, 'emulated-cuda', 'lib', name), `libraries/emulated-cuda/${name}`);
  writeFileSync(path.join(stage, 'packed.json'), `${JSON.stringify({ emulated, ...provenance(build) }, null, 2)}\n`);

  for (const name of ['package.json', 'tsconfig.json', 'tsconfig.dev.json', 'LICENSE', 'dist', 'lib']) copy(name);
  for (const name of ['run', 'parts', 'programs', 'report', 'reporter']) copy(`scripts/gpu/${name}.mjs`);
  const sources = reachable(carried.flatMap(filesIn));
  for (const source of sources) copy(source);
  const imported = sources.filter((source) => /\.(ts|mjs)$/.test(source)).flatMap((source) => importsOf(source));
  for (const folder of packageFolders(['vitest', 'tsx', 'node-gyp-build', 'onnxruntime-node', ...imported]))
    copyPackage(folder);
}

/** The programs that the nvcc build makes of the same sources. */
async function emulatedPrograms() {
  await run('pack', 'cmake', ['--build', inRoot('build'), '--target', 'gpu_programs']);
}

/** Of which commit this is, and what compiled it. */
function provenance(build) {
  const git = (...words) => spawnSync('git', words, { cwd: inRoot(), encoding: 'utf8' }).stdout?.trim() ?? '';
  const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes';
  const commit = git('rev-parse', '--short', 'HEAD');
  const cache = inRoot(build, 'CMakeCache.txt');
  const entry = (name) => new RegExp(`^${name}:[A-Z]+=(.*)$`, 'm').exec(readFileSync(cache, 'utf8'))?.[1];
  if (emulated || given) return { commit: `${commit}${changed}` };
  const nvcc = spawnSync(entry('CMAKE_CUDA_COMPILER'), ['--version'], { encoding: 'utf8' }).stdout;
  const version = /release ([\d.]+)/.exec(nvcc)?.[1];
  const built = `built by nvcc ${version} for ${entry('TENSORLANE_CUDA_ARCHITECTURES')}`;
  return { commit: commit && `${commit}${changed}`, built };
}

function programsIn(folder) {
  if (!existsSync(inRoot(folder))) return [];
  const entries = readdirSync(inRoot(folder), { withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

function copy(name) {
  cpSync(inRoot(name), path.join(stage, name), { recursive: true });
}

/** A program or shared library, without the symbols that only a debugger needs. */
function copyProgram(from, to) {
  const file = path.join(stage, to);
  mkdirSync(path.dirname(file), { recursive: true });
  cpSync(from, file, { dereference: true });
  chmodSync(file, 0o755);
  if (findProgram('strip')) spawnSync('strip', ['--strip-unneeded', file], { stdio: 'ignore' });
}

/** The shared libraries that a program or an addon links, but for those of every Linux. */
function linked(file) {
  const everywhere = /^(ld-linux|linux-vdso|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s)\.so)/;
  const lines = spawnSync('ldd', [file], { encoding: 'utf8' }).stdout.split('\n');
  return lines
    .map((line) => /=> (\/\S+)/.exec(line)?.[1])
    .filter((library) => library && !everywhere.test(path.basename(library)));
}

function filesIn(name) {
  if (!existsSync(inRoot(name))) return [];
  if (!statSync(inRoot(name)).isDirectory()) return [name];
  return readdirSync(inRoot(name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(inRoot(), path.join(entry.parentPath, entry.name)));
}

/** These files and all that they import from this repository. */
function reachable(files) {
  const found = new Set(files);
  for (const file of found) {
    if (!/\.(ts|mjs)$/.test(file)) continue;
    for (const name of importsOf(file)) {
      if (!name.startsWith('.')) continue;
      const source = path.join(path.dirname(file), name);
      for (const one of [source, source.replace(/\.js$/, '.ts')]) if (existsSync(inRoot(one))) found.add(one);
    }
  }
  return [...found];
}

function importsOf(file) {
  const statement = /^(?!import type).*?\b(?:from|import)\s*\(?['"]([^'"]+)['"]/gm;
  return [...readFileSync(inRoot(file), 'utf8').matchAll(statement)].map(([, name]) => name);
}

/** The folders in node_modules of these packages and all that they depend on. */
function packageFolders(names) {
  const { packages: listed } = JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8'));
  const found = new Set();
  const add = (name, from) => {
    for (let at = from; ; at = at.includes('/node_modules/') ? at.slice(0, at.lastIndexOf('/node_modules/')) : '') {
      const folder = `${at ? `${at}/` : ''}node_modules/${name}`;
      const entry = listed[folder];
      if (entry?.link) return; // of this repository itself
      if (entry) {
        if (found.has(folder) || !existsSync(inRoot(folder))) return;
        found.add(folder);
        const optional = Object.entries(entry.peerDependenciesMeta ?? {}).filter(([, meta]) => meta.optional);
        const skipped = new Set(
          name === 'onnxruntime-node' ? ['adm-zip', 'global-agent'] : optional.map(([peer]) => peer),
        );
        const { dependencies, optionalDependencies, peerDependencies } = entry;
        for (const next of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }))
          if (!skipped.has(next)) add(next, folder);
        return;
      }
      if (!at) return;
    }
  };
  for (const name of names) {
    if (name.startsWith('.') || name.startsWith('node:') || name === 'tensorlane') continue;
    add(name.split('/', name.startsWith('@') ? 2 : 1).join('/'), '');
  }
  return found;
}

function copyPackage(folder) {
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  // Command lines of packages of which the libraries are used, and what only people and compilers read.
  const unused = /^(protobufjs\/cli|esbuild\/bin|[^/].*\.(map|md|d\.[cm]?ts))$/;
  const platform = path.join('/', process.platform, process.arch, '/');
  cpSync(inRoot(folder), path.join(stage, folder), {
    recursive: true,
    filter(from) {
      const inside = path.relative(inRoot(folder), from);
      if (inside === 'node_modules' || unused.test(`${name}/${inside}`)) return false;
      // Of ONNX Runtime, only this platform's library: its binding for Node is not used.
      if (name !== 'onnxruntime-node' || !/^bin\/.*\.\w+$/.test(inside)) return true;
      return inside.includes(platform) && !inside.endsWith('.node');
    },
  });
}

async function compress() {
  const tar = ['-C', path.dirname(stage), '--sort=name', '--owner=0', '--group=0', '-cf', '-', path.basename(stage)];
  // Machine code packs better when its jumps are rewritten first. What only tries this out need not be small.
  const filter = emulated || given ? '-0' : process.arch === 'x64' ? '--x86 --lzma2=preset=9' : '-9';
  const command = 'archive=$1; shift; tar "$@" | xz -T0 --block-size=128MiB $FILTER > "$archive"';
  await run('pack', 'bash', ['-o', 'pipefail', '-c', command, 'bash', archive, ...tar], { env: { FILTER: filter } });
}

function largest() {
  const { stdout } = spawnSync('du', ['-am', stage], { encoding: 'utf8' });
  const lines = stdout.split('\n').filter((line) => /\.(so[.\d]*|node|js|mjs)$|\/(node|tests\/.*|bin\/.*)$/.test(line));
  return lines
    .sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))
    .slice(0, 12)
    .map((line) => `  ${line.replace(/^(\d+)\s+.*tensorlane-gpu\//, '$1 MB  ')}`)
    .join('\n');
}
