// The fuzzer of the graph reader: libFuzzer with the address and undefined-behaviour sanitizers, where a clang++ that has it is
// found. `npm run fuzz [SECONDS]` runs it by hand, as long as wanted: what it learned is kept in build/fuzz/corpus, and what it found,
// build/fuzz/crash-*, it is given again by `build/fuzz/graph_fuzz build/fuzz/crash-...`.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runProgram } from '../processes.mjs';
import { findProgram, packages } from '../setup/packages.mjs';
import { inRoot, run } from '../setup/run.mjs';
import { doSteps } from '../setup.mjs';

const folder = inRoot('build', 'fuzz');
const program = path.join(folder, 'graph_fuzz');
const flags = ['-std=c++20', '-O1', '-g', '-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all'];
/** In CI; more by TENSORLANE_FUZZ_SECONDS. */
const seconds = Number(process.env.TENSORLANE_FUZZ_SECONDS ?? 30);

/** A clang++ that links libFuzzer, which some distributions have in a package of its own (libclang-rt-NN-dev). */
async function findFuzzer() {
  const versions = Array.from({ length: 12 }, (_, i) => `clang++-${25 - i}`);
  const probe = path.join(folder, 'probe.cpp');
  writeFileSync(
    probe,
    '#include <span>\nextern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n',
  );
  for (const name of ['clang++', ...versions]) {
    if (!findProgram(name)) continue;
    const { ok } = await runProgram([name, ...flags, probe, '-o', path.join(folder, 'probe')], { show: false });
    if (ok) return name;
  }
  return undefined;
}

/** Where there is no libFuzzer, that is said, and nothing is built. */
export async function buildFuzzer(report) {
  mkdirSync(folder, { recursive: true });
  rmSync(program, { force: true });
  let clang = await findFuzzer();
  if (!clang) {
    await doSteps([packages('fuzz')]);
    clang = await findFuzzer();
  }
  if (!clang) {
    report('skipped: there is no clang++ with libFuzzer (Debian: apt-get install clang libclang-rt-dev)');
    return;
  }
  const sources = ['graph', 'rows'].flatMap((room) =>
    readdirSync(inRoot('native', 'onnx', room))
      .filter((file) => file.endsWith('.cpp'))
      .map((file) => inRoot('native', 'onnx', room, file)),
  );
  sources.push(inRoot('test', 'fuzz', 'graph_fuzz.cpp'));
  const objects = [];
  const compile = async () => {
    for (let source = sources.pop(); source; source = sources.pop()) {
      const object = path.join(folder, `${path.basename(source)}.o`);
      objects.push(object);
      await run('fuzz', clang, [...flags, '-I', inRoot('native'), '-c', source, '-o', object], { quietly: true });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, compile));
  await run('fuzz', clang, [...flags, ...objects, '-o', program]);
}

/** From the same seed each time, so that a change is judged by what it changes; by hand, from others. */
export async function runFuzzer(report, limit = seconds, seed = 20) {
  if (!existsSync(program)) return { passed: 0, failures: [] };
  const seeds = path.join(folder, 'seeds');
  const corpus = path.join(folder, 'corpus');
  mkdirSync(corpus, { recursive: true });
  const node = [process.execPath, '--import', 'tsx', 'test/fuzz/seeds.ts', seeds];
  const written = await runProgram(node, { show: false });
  if (!written.ok) return { passed: 0, failures: [`its seeds could not be written: ${written.output.trim()}`] };
  const args = [
    corpus,
    seeds,
    `-max_total_time=${limit}`,
    `-seed=${seed}`,
    `-artifact_prefix=${folder}/`,
    '-max_len=16384',
  ];
  const limits = ['-timeout=10', '-rss_limit_mb=2048', '-print_final_stats=1', '-verbosity=1'];
  // A hang beyond libFuzzer's own limit is one, too.
  const { ok, output } = await runProgram([program, ...args, ...limits], {
    show: false,
    timeout: (limit + 300) * 1000,
  });
  const units = /stat::number_of_executed_units: (\d+)/.exec(output)?.[1];
  report(`${units ?? 'no'} inputs in ${limit} s`);
  if (ok && Number(units) > 0) return { passed: 1, failures: [] };
  console.error(output.split('\n').slice(-60).join('\n'));
  return { passed: 0, failures: [/SUMMARY: .*/.exec(output)?.[0] ?? 'it ended without a result'] };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await buildFuzzer(console.log);
  const { failures } = await runFuzzer(console.log, Number(process.argv[2] ?? seconds), Date.now() % 2 ** 31);
  for (const failure of failures) console.error(failure);
  process.exitCode = failures.length === 0 ? 0 : 1;
}
