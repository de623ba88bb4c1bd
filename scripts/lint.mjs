// Everything that can be checked without running it. `--write` puts right what can be put right by itself, and no more.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { runProgram } from './processes.mjs';
import { inRoot } from './setup/run.mjs';
import { setUpOrExit } from './setup.mjs';

const write = process.argv.includes('--write');
const node = (...script) => [process.execPath, inRoot('node_modules', ...script)];
const biome = [...node('@biomejs', 'biome', 'bin', 'biome'), 'check', '--error-on-warnings'];
const tsc = [...node('typescript', 'bin', 'tsc'), '-p'];
const clangFormat = node('clang-format-node', 'build', 'cli.js');

await setUpOrExit(write ? 'format' : 'lint');
const sources = ['native', 'cuda', 'test/native', 'test/emulation'].flatMap(cppFiles);
const checks = {
  biome: () => runProgram(write ? [...biome, '--write'] : biome),
  'clang-format': () =>
    sources.length === 0 || runProgram([...clangFormat, ...(write ? ['-i'] : ['--dry-run', '-Werror']), ...sources]),
  ...(write ? {} : { tsc: typecheck, 'clang-tidy': clangTidy }),
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
  return { ok: library.ok && rest.ok };
}

/** clang-tidy on each file of native/ that is compiled here, as it is compiled here, on as many cores as there are. */
async function clangTidy() {
  const commands = JSON.parse(readFileSync(inRoot('build', 'compile_commands.json'), 'utf8'));
  const files = [...new Set(commands.map(({ directory, file }) => path.resolve(directory, file)))];
  const queue = files.filter((file) => file.startsWith(inRoot('native', path.sep)));
  let ok = queue.length > 0;
  if (!ok) console.error('build/compile_commands.json lists no file of native/');
  // The warnings that only g++ knows are no business of clang's.
  const extra = ['--extra-arg=-Wno-unknown-warning-option', '--extra-arg=-Wno-error'];
  const worker = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      const result = await runProgram(['clang-tidy', '--quiet', '-p', inRoot('build'), ...extra, file], {
        show: false,
      });
      if (result.ok) continue;
      ok = false;
      console.error(result.output.trimEnd());
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return { ok };
}

function cppFiles(folder) {
  try {
    const entries = readdirSync(inRoot(folder), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && /\.(cpp|cc|cu|cuh|h|hpp)$/.test(entry.name))
      .map((entry) => path.join(entry.parentPath, entry.name));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}
