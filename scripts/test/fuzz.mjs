// The fuzzers of what reads bytes that anybody may have sent: libFuzzer with the address and undefined-behaviour sanitizers, where a
// clang++ that has it is found. `npm run fuzz [SECONDS]` runs them by hand, as long as wanted together: what one learned is kept in
// build/fuzz/corpus-NAME, and what it found, build/fuzz/NAME-crash-*, it is given again by `build/fuzz/NAME_fuzz build/fuzz/NAME-crash-...`.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runProgram } from '../processes.mjs';
import { findProgram, packages } from '../setup/packages.mjs';
import { inRoot, run } from '../setup/run.mjs';
import { doSteps } from '../setup.mjs';

const folder = inRoot('build', 'fuzz');
const programOf = (name) => path.join(folder, `${name}_fuzz`);
/** Rooms of native/ that each reads with, what writes its seeds, and its part of the time. */
const fuzzers = [
  { name: 'graph', rooms: ['onnx/graph', 'onnx/rows'], seeds: 'test/fuzz/seeds.ts', share: 2 / 3 },
  { name: 'json', rooms: ['json'], seeds: 'test/fuzz/json-seeds.ts', share: 1 / 3 },
];
const flags = ['-std=c++20', '-O1', '-g', '-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all'];
/** In CI, of all of them; more by TENSORLANE_FUZZ_SECONDS. */
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
export async function buildFuzzers(report) {
  mkdirSync(folder, { recursive: true });
  for (const { name } of fuzzers) rmSync(programOf(name), { force: true });
  let clang = await findFuzzer();
  if (!clang) {
    await doSteps([packages('fuzz')]);
    clang = await findFuzzer();
  }
  if (!clang) {
    report('skipped: there is no clang++ with libFuzzer (Debian: apt-get install clang libclang-rt-dev)');
    return;
  }
  for (const fuzzer of fuzzers) await buildFuzzer(clang, fuzzer);
}

/** A room is compiled as one file: most of the time goes into headers. */
async function buildFuzzer(clang, { name, rooms }) {
  const objects = await Promise.all([
    ...rooms.map((room) => {
      const files = readdirSync(inRoot('native', room)).filter((file) => file.endsWith('.cpp'));
      const whole = path.join(folder, `${name}-${room.replaceAll('/', '-')}.cpp`);
      writeFileSync(whole, files.map((file) => `#include "${inRoot('native', room, file)}"\n`).join(''));
      return compile(whole);
    }),
    compile(inRoot('test', 'fuzz', `${name}_fuzz.cpp`)),
  ]);
  await run('fuzz', clang, [...flags, ...objects, '-o', programOf(name)]);

  async function compile(source) {
    const object = path.join(folder, `${path.basename(source)}.o`);
    await run('fuzz', clang, [...flags, '-I', inRoot('native'), '-c', source, '-o', object], { quietly: true });
    return object;
  }
}

/** From the same seed each time, so that a change is judged by what it changes; by hand, from others. */
export async function runFuzzers(report, limit = seconds, seed = 20) {
  let passed = 0;
  const failures = [];
  for (const fuzzer of fuzzers) {
    if (!existsSync(programOf(fuzzer.name))) continue;
    const failure = await runFuzzer(report, fuzzer, Math.ceil(limit * fuzzer.share), seed);
    if (failure === undefined) passed++;
    else failures.push(`${fuzzer.name}: ${failure}`);
  }
  return { passed, failures };
}

/** Resolves to what it found, if anything. */
async function runFuzzer(report, { name, seeds: script }, limit, seed) {
  const seeds = path.join(folder, `seeds-${name}`);
  const corpus = path.join(folder, `corpus-${name}`);
  mkdirSync(corpus, { recursive: true });
  const written = await runProgram([process.execPath, '--import', 'tsx', script, seeds], { show: false });
  if (!written.ok) return `its seeds could not be written: ${written.output.trim()}`;
  const args = [
    corpus,
    seeds,
    `-max_total_time=${limit}`,
    `-seed=${seed}`,
    `-artifact_prefix=${path.join(folder, `${name}-`)}`,
    '-max_len=16384',
  ];
  const limits = ['-timeout=10', '-rss_limit_mb=2048', '-print_final_stats=1', '-verbosity=1'];
  // A hang beyond libFuzzer's own limit is one, too.
  const { ok, output } = await runProgram([programOf(name), ...args, ...limits], {
    show: false,
    timeout: (limit + 300) * 1000,
  });
  const units = /stat::number_of_executed_units: (\d+)/.exec(output)?.[1];
  report(`${name}: ${units ?? 'no'} inputs in ${limit} s`);
  if (ok && Number(units) > 0) return undefined;
  console.error(output.split('\n').slice(-60).join('\n'));
  return /SUMMARY: .*/.exec(output)?.[0] ?? 'it ended without a result';
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await buildFuzzers(console.log);
  const { failures } = await runFuzzers(console.log, Number(process.argv[2] ?? seconds), Date.now() % 2 ** 31);
  for (const failure of failures) console.error(failure);
  process.exitCode = failures.length === 0 ? 0 : 1;
}
