// The system packages: what each purpose needs, what of it is missing, and how it gets here.
import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ask } from '../processes.mjs';
import { inRoot, run, SetupError, step } from './run.mjs';

const libraryDirs = ['/usr/lib64', '/usr/lib', '/usr/local/lib'];
const triplet = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch];
if (triplet) libraryDirs.unshift(`/usr/lib/${triplet}`);
const libraries = (name) => libraryDirs.flatMap((dir) => [`${dir}/${name}.so`, `${dir}/${name}.dylib`]);
const headers = (name) =>
  ['/usr/include', '/usr/local/include', '/opt/homebrew/include'].map((dir) => `${dir}/${name}`);

const openblas = {
  apt: 'libopenblas-dev',
  dnf: 'openblas-devel',
  what: 'OpenBLAS with its headers',
  files: libraries('libopenblas'),
};
const doctest = {
  apt: 'doctest-dev',
  dnf: 'doctest-devel',
  brew: 'doctest',
  what: 'doctest (the C++ test library)',
  files: headers('doctest/doctest.h'),
};
const pip = { apt: 'python3-pip', dnf: 'python3-pip', brew: 'python', programs: ['pip3', 'pip'] };

// A need is met by any of its programs on the PATH or any of its files: what was not installed by apt counts as well.
const needs = {
  base: [
    { apt: 'g++', dnf: 'gcc-c++', brew: '', what: 'a C++20 compiler', programs: ['c++', 'g++', 'clang++'] },
    { apt: 'cmake', dnf: 'cmake', brew: 'cmake', what: 'CMake', programs: ['cmake'] },
    { apt: 'ninja-build', dnf: 'ninja-build', brew: 'ninja', what: 'Ninja', programs: ['ninja'] },
    ...(process.platform === 'darwin' ? [] : [openblas]), // macOS has Accelerate
  ],
  test: [doctest],
  coverage: [doctest, { apt: 'gcovr', dnf: 'gcovr', brew: 'gcovr', what: 'gcovr', programs: ['gcovr'] }],
  demo: [],
  bench: [],
  fuzz: [],
  // For a toolkit that is not here: cuda.mjs asks only then.
  cuda: [{ ...pip, what: 'pip for Python 3, or a CUDA toolkit' }],
  package: [
    { apt: 'xz-utils', dnf: 'xz', brew: 'xz', what: 'xz', programs: ['xz'] },
    { ...pip, what: 'pip for Python 3' },
  ],
  'package-arm64': [
    {
      apt: 'g++-12-aarch64-linux-gnu',
      dnf: 'gcc-c++-aarch64-linux-gnu',
      brew: '',
      what: 'a C++20 compiler for arm64',
      programs: ['aarch64-linux-gnu-g++-12', 'aarch64-linux-gnu-g++'],
    },
  ],
  lint: [{ apt: 'clang-tidy', dnf: 'clang-tools-extra', brew: 'llvm', what: 'clang-tidy', programs: ['clang-tidy'] }],
};
export const purposes = Object.keys(needs);

// What is wanted and not needed is fetched where that is easy, and is never an error. The demo draws with those of these fonts
// that are here; with ccache, what was compiled once is not compiled again, nor what the addons of several packages share; with
// clang's runtime, the reader of graphs is fuzzed; with redis-server, jobs are tested
// and measured.
const fonts = JSON.parse(readFileSync(new URL('./fonts.json', import.meta.url), 'utf8'));
const fontPackages = ['fontconfig', ...new Set(fonts.map((font) => font.package))];
const unavailableFile = inRoot('build', '.setup', 'not-available');

export function packages(purpose) {
  const wanted = [...needs.base, ...(purpose === 'base' ? [] : needs[purpose])];
  const missing = () => wanted.filter((need) => !isMet(need));
  const compilerCache = findProgram('ccache') ? [] : ['ccache'];
  const redis = findProgram('redis-server') ? [] : ['redis-server'];
  const nice =
    {
      demo: fontPackages,
      test: [...compilerCache, ...redis],
      package: compilerCache,
      fuzz: ['clang', 'libclang-rt-dev'],
    }[purpose] ?? [];
  const missingNice = () => (nice.length > 0 && findProgram('apt-get') ? notInstalled(nice) : []);
  return {
    done: () => missing().length === 0 && missingNice().length === 0,
    async run() {
      const list = missing();
      const asRoot = findProgram('apt-get') ? rootPrefix() : undefined;
      if (!asRoot && list.length > 0) throw new SetupError(byHand(list));
      if (!asRoot) return;
      const apt = list.map((need) => need.apt);
      const extra = missingNice();
      await step(`installed ${[...apt, ...extra].join(' ')}`, async () => {
        await update(asRoot);
        if (apt.length > 0) await install(asRoot, apt);
        if (extra.length > 0) await installWhatThereIs(asRoot, extra);
      });
    },
  };
}

function isMet({ programs = [], files = [], apt }) {
  if (programs.some(findProgram) || files.some((file) => existsSync(file))) return true;
  // A file may lie where it was not looked for; the package database knows of all that it brought.
  return files.length > 0 && findProgram('dpkg-query') !== undefined && notInstalled([apt]).length === 0;
}

export function findProgram(name) {
  for (const dir of (process.env.PATH || '').split(path.delimiter)) {
    for (const suffix of process.platform === 'win32' ? ['.exe', '.cmd'] : ['']) {
      const file = path.join(dir, name + suffix);
      try {
        accessSync(file, constants.X_OK);
        if (dir && statSync(file).isFile()) return file;
      } catch {
        // Not in this directory.
      }
    }
  }
  return undefined;
}

function notInstalled(names) {
  // A package that it does not know fails the query, which names the others all the same.
  const query = ask('sh', '-c', `dpkg-query -W -f '$\{Package} $\{db:Status-Status}\\n' "$@"; true`, 'sh', ...names);
  const installed = new Set((query ?? '').split('\n').map((line) => line.replace(/ installed$/, '')));
  const unavailable = existsSync(unavailableFile) ? readFileSync(unavailableFile, 'utf8').split('\n') : [];
  return names.filter((name) => !installed.has(name) && !unavailable.includes(name));
}

/** What goes before a command to run it as root: nothing, or sudo. Undefined where neither will do. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  if (!findProgram('sudo')) return undefined;
  if (ask('sudo', '-n', 'true') !== undefined) return ['sudo', '-n'];
  return process.stdin.isTTY ? ['sudo'] : undefined;
}

async function aptGet(prefix, args) {
  const command = [
    ...prefix,
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    '-o',
    'DPkg::Lock::Timeout=300',
    ...args,
  ];
  await run('packages', command[0], command.slice(1), {
    hint: 'Put that right and run this again. (On Ubuntu, these packages need the "universe" component.)',
  });
}

async function update(prefix) {
  try {
    await aptGet(prefix, ['update']).catch(() => aptGet(prefix, ['update']));
  } catch {
    // One broken third-party source fails the whole update, while the packages wanted here may well be found: installing will tell.
  }
}

const install = (prefix, names) => aptGet(prefix, ['install', '-y', '--no-install-recommends', ...names]);

async function installWhatThereIs(prefix, names) {
  const unavailable = [];
  await install(prefix, names).catch(async () => {
    // apt-get installs all or none, and not every distribution has every one.
    for (const name of names) await install(prefix, [name]).catch(() => unavailable.push(name));
  });
  if (unavailable.length === 0) return;
  mkdirSync(path.dirname(unavailableFile), { recursive: true });
  writeFileSync(unavailableFile, unavailable.join('\n'));
}

function byHand(list) {
  const lines = [
    'setup: these are missing and cannot be installed from here:',
    ...list.map((need) => `  - ${need.what}`),
  ];
  if (findProgram('apt-get')) {
    lines.push('There is neither root nor a sudo that works without a terminal. Have root run this, then try again:');
    lines.push(`  apt-get update && apt-get install -y --no-install-recommends ${namesFor('apt', list)}`);
  } else if (process.platform === 'darwin') {
    lines.push('Install the compiler with "xcode-select --install", the rest with Homebrew, then try again:');
    lines.push(`  brew install ${namesFor('brew', list)}`);
  } else if (findProgram('dnf')) {
    lines.push('Install them as root, then try again:', `  dnf install ${namesFor('dnf', list)}`);
  } else {
    lines.push(
      "Only Debian and Ubuntu are set up by themselves. Install these with this system's own means, then try again.",
    );
    lines.push(`Debian calls them: ${namesFor('apt', list)}`);
  }
  return lines.join('\n');
}

const namesFor = (manager, list) =>
  list
    .map((need) => need[manager])
    .filter(Boolean)
    .join(' ');
