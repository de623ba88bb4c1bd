// clang-tidy on all of native/ and cuda/, as it is compiled for the tests on the emulated GPU, on as many cores as there are. What it
// found nothing in is not asked again as long as neither the files nor any header changes.
//
// Several files are read as one. What is looked for by its form alone takes as many as compile together: it goes through every
// header each time, which is nearly all of its work. The paths through functions take a few: of what stands in the same file clang
// follows each call, and its budget for a function is soon spent.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { runProgram } from '../processes.mjs';
import { inRoot, run } from '../setup/run.mjs';

/** A look at the files: how many are read as one, and the checks that .clang-tidy names but another look takes. */
const looks = [
  { name: 'forms', most: 120, without: '-clang-analyzer-*' },
  { name: 'paths', most: 8, without: '-bugprone-*,-concurrency-*,-performance-*,-modernize-*' },
];

/**
 * `sources`: all files of C++ and CUDA that there are. `deep`: the paths through each function are followed three times as far.
 *
 * @param {readonly string[]} sources
 * @param {boolean} deep
 * @returns {Promise<{ ok: boolean }>}
 */
export async function clangTidy(sources, deep) {
  const build = inRoot('build', 'lint', 'separate');
  // By this name clang's analyzer knows a file that includes others as one compiles them, and follows their functions, too.
  const unified = inRoot('build', 'lint', 'UnifiedSource');
  mkdirSync(unified, { recursive: true });
  // Only configured: the headers are read as they are.
  const options = ['-DSANITIZE=none', '-DTENSORLANE_UNITY=OFF', '-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON'];
  await run('lint', 'cmake', ['-S', inRoot('test'), '-B', build, '-G', 'Ninja', ...options]);
  const compiled = commandsOf(JSON.parse(readFileSync(path.join(build, 'compile_commands.json'), 'utf8')));
  const isOurs = (file) => ['native', 'cuda'].some((folder) => file.startsWith(inRoot(folder, path.sep)));
  const missed = sources
    .filter((file) => isOurs(file) && /\.(cpp|cu)$/.test(file))
    // What stands in for functions of glibc's, in packages alone.
    .filter((file) => !file.startsWith(inRoot('native', 'portable', path.sep)))
    .filter((file) => !compiled.has(file));
  if (missed.length > 0) {
    console.error(`clang-tidy would not see ${missed.join(', ')}: test/CMakeLists.txt does not compile it`);
    return { ok: false };
  }

  const alike = new Map();
  for (const file of [...compiled.keys()].filter(isOurs).sort())
    alike.set(compiled.get(file), [...(alike.get(compiled.get(file)) ?? []), file]);
  const groups = looks.flatMap((look) =>
    [...alike].flatMap(([command, files]) => parts(files, look.most).map((some) => ({ look, command, files: some }))),
  );
  const headers = sources.filter((file) => /\.(h|hpp|cuh)$/.test(file));
  const same = sum(
    [inRoot('.clang-tidy'), inRoot('test', 'CMakeLists.txt'), ...headers.toSorted()],
    deep ? 'deep' : '',
  );
  const key = ({ look, command, files }) => sum(files, `${look.name} ${command} ${files.join(' ')} ${same}`);
  const stamp = path.join(inRoot('build', 'lint'), 'clean.json');
  const known = existsSync(stamp) ? JSON.parse(readFileSync(stamp, 'utf8')) : [];
  const before = new Set(Array.isArray(known) ? known : []);
  const clean = groups.map(key).filter((one) => before.has(one));
  // The largest first, so that the cores end together.
  const queue = groups.filter((group) => !before.has(key(group))).sort((a, b) => b.files.length - a.files.length);
  let total = queue.length;
  let done = 0;
  let ok = true;
  let names = 0;
  const worker = async () => {
    for (let group = queue.shift(); group; group = queue.shift()) {
      const file = path.join(unified, `${group.look.name}_${++names}.cpp`);
      writeFileSync(file, group.files.map((name) => `#include "${asCode(name)}"\n`).join(''));
      const result = await tidy(group, file, deep);
      for (const name of group.files) result.output = result.output.replaceAll(asCode(name), name);
      if (++done % 5 === 0) console.log(`lint: clang-tidy ${done} of ${total}`);
      if (result.ok) {
        clean.push(key(group));
      } else if (group.files.length > 1 && /\[clang-diagnostic-error[\],]/.test(result.output)) {
        const split = apart(group.files, result.output);
        const [first] = /^\S+: error: .*/m.exec(result.output) ?? [];
        console.log(
          `lint: read again in two parts, since they do not compile as one (rename what is in two files): ${first}`,
        );
        queue.push(...split.map((files) => ({ ...group, files })));
        total += split.length;
      } else {
        ok = false;
        console.error(result.output.trimEnd());
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  writeFileSync(stamp, JSON.stringify(clean));
  return { ok };
}

const isCuda = (file) => file.endsWith('.cu');

/** A name by which the analyzer knows a file for code: of what ends with .cu it would follow no function. */
function asCode(file) {
  if (!isCuda(file)) return file;
  const link = inRoot('build', 'lint', 'code', `${path.relative(inRoot(), file)}.cpp`);
  if (!existsSync(link)) {
    mkdirSync(path.dirname(link), { recursive: true });
    rmSync(link, { force: true });
    symlinkSync(file, link);
  }
  return link;
}

/** Files that do not compile as one, since two have the same name for different things: those that have what was there, and the rest. */
function apart(files, output) {
  const named = new Set(Array.from(output.matchAll(/^(\S+?):\d+:\d+: error: /gm), ([, file]) => file));
  const second = files.filter((file) => named.has(file));
  if (second.length === 0 || second.length === files.length) return parts(files, Math.ceil(files.length / 2));
  return [files.filter((file) => !named.has(file)), second];
}

/**
 * How each file is compiled: the compiler and its options, without what belongs to one file, and without what makes other numbers of
 * the same text: no check knows of those, and a file that alone has them would be read alone.
 */
function commandsOf(commands) {
  const own = / -o \S+ -c \S+$/;
  for (const { command } of commands) if (!own.test(command)) throw new Error(`not as CMake writes it: ${command}`);
  return new Map(
    commands.map(({ directory, file, command }) => [
      path.resolve(directory, file),
      command.replace(own, '').replace(/ -(ffp-contract=\w+|fno-math-errno|fno-trapping-math)(?= |$)/g, ''),
    ]),
  );
}

/** Equal parts of at most so many. */
function parts(files, most) {
  const count = Math.ceil(files.length / most);
  const start = (part) => Math.floor((part * files.length) / count);
  return Array.from({ length: count }, (_, part) => files.slice(start(part), start(part + 1)));
}

function sum(files, start) {
  return files
    .reduce((hash, file) => hash.update(readFileSync(file)), createHash('sha256').update(start))
    .digest('hex');
}

function tidy({ look, command, files }, file, deep) {
  // A file that includes another one's code is meant to; where one of ours did, the linker would find that code twice.
  const checks = `--checks=${look.without},-bugprone-suspicious-include`;
  // The warnings that only g++ knows are no business of clang's.
  const lenient = ['-Wno-unknown-warning-option', '-Wno-error', '-ferror-limit=0'];
  // The states of a function that the analyzer looks at; clang's own default is 225,000, which few functions have.
  // A kernel is there once for each type that it is made for, and each has the same paths.
  const nodes = files.some(isCuda) ? 15_000 : 75_000;
  const budget = deep ? [] : ['-analyzer-config', `max-nodes=${nodes}`].flatMap((arg) => ['-Xclang', arg]);
  const extra = [...lenient, ...budget].map((arg) => `--extra-arg=${arg}`);
  const folder = path.join(path.dirname(file), path.basename(file, '.cpp'));
  mkdirSync(folder, { recursive: true });
  const entry = { directory: folder, file, command: `${command} -c ${file}` };
  writeFileSync(path.join(folder, 'compile_commands.json'), JSON.stringify([entry]));
  // The analyzer goes to and fro in hundreds of MB: in large pages, where the system gives them, that is a fifteenth of its time.
  const env = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };
  return runProgram(['clang-tidy', '--quiet', checks, '-p', folder, ...extra, file], { show: false, env });
}
