// The three parts of a check: the tests in TypeScript, the kernels' programs under compute-sanitizer, the benchmarks.
//
// A benchmark is bench/gpu/main.ts, a peer's bench/gpu/*.py, or build/cuda/bench/kernels. It prints a line of JSON for each figure
// as soon as it has it, so that what was measured before a failure is kept: { name, contender, unit, value, lower, target }
// (`lower: false` where more is better), { kernel, shape, ... }, { device } once, { failed, why }; and { skipped } where it
// cannot run.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Deadline, runUntil } from './programs.mjs';

const ranOut = 'the minutes ran out';

export async function tests(found, { deadline, inRoot, device, env }) {
  // On a GPU with the configuration of the CUDA device's suite; what it needs models for stays at home.
  const suite =
    device === 'cpu'
      ? ['--project', 'fast*', 'test/linalg', 'test/ops', 'test/device', 'test/tensor']
      : [
          '--config',
          'vitest.cuda.config.ts',
          'test/cuda',
          'test/device',
          'test/linalg',
          'test/ops',
          'test/streams.test.ts',
          // The docs' examples start programs of their own and load models.
          ...['--exclude', 'test/cuda/docs.test.ts'],
        ];
  const vitest = [process.execPath, inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', ...suite];
  const reporters = ['--reporter=default', `--reporter=${inRoot('scripts', 'gpu', 'reporter.mjs')}`];
  let waiting = [];
  let failed = 0;
  const report = (text) => {
    const { files, file, passed, failures } = JSON.parse(text);
    if (files) waiting = files;
    else {
      waiting = waiting.filter((name) => name !== file);
      failed += failures.length;
      found.countTests(passed, failures);
    }
  };
  const { ok, seconds, tail, late } = await runUntil(deadline, [...vitest, ...reporters], {
    cwd: inRoot(),
    env,
    show: true,
    report,
  });
  if (late) for (const name of waiting) found.skip(name, ranOut);
  else if (!ok && failed === 0) found.count('vitest', false, seconds, tail);
}

// It takes minutes, of which most go to NVIDIA's own kernels: it is run a file at a time, and not under compute-sanitizer.
const conformance = 'conformance_tests';

/** The programs of tests, plainly and under compute-sanitizer, under which every access costs a hundred times as much. */
export async function kernels(found, { deadline, inRoot, env }) {
  const folder = inRoot('build', 'cuda', 'tests');
  const programs = existsSync(folder) ? readdirSync(folder).sort() : [];
  if (programs.length === 0) return found.skip('the kernel programs', 'none were packed');
  const attempt = async (name, command, more = {}) => {
    if (deadline.left === 0) return found.skip(name, ranOut);
    const { ok, seconds, tail, late } = await runUntil(deadline, command, { cwd: inRoot(), env: { ...env, ...more } });
    if (late) found.skip(name, ranOut);
    else found.count(name, ok, seconds, ok ? '' : tail);
  };
  const kernelPrograms = programs.filter((name) => name !== conformance);
  for (const name of kernelPrograms) await attempt(name, [path.join(folder, name)]);
  if (programs.includes(conformance)) {
    const files = new Set(casesIn(path.join(folder, conformance), env).map(({ file }) => file));
    if (files.size === 0) found.count(conformance, false, 0, 'no cases were listed');
    for (const file of files)
      await attempt(`${conformance}: ${file}`, [path.join(folder, conformance), `--source-file=*${file}`]);
  }

  const sanitizer = findSanitizer();
  if (!sanitizer) return found.skip('memcheck and racecheck', 'compute-sanitizer is not here');
  const cases = kernelPrograms.flatMap((name) => casesIn(path.join(folder, name), env));
  if (cases.length === 0) return found.count('the cases of the kernel programs', false, 0, 'none were listed');
  if (deadline.left > 0 && !(await sanitizerWorks(sanitizer, cases[0], deadline, inRoot(), env)))
    return found.skip('memcheck and racecheck', 'compute-sanitizer does not work on this machine');
  // A file of cases at a time, so that what was checked before the time ran out counts. Without the large shapes.
  const files = [...new Map(cases.map((one) => [`${one.program} ${one.file}`, one])).values()];
  for (const tool of ['memcheck', 'racecheck'])
    for (const { program, file } of files) {
      const command = [sanitizer, '--tool', tool, '--error-exitcode', '99', program, `--source-file=*${file}`];
      await attempt(`${path.basename(program)}: ${file} under ${tool}`, command, { TENSORLANE_SHORT: '1' });
    }
}

/** { program, file, name } of each test case that a program of doctest's has. */
function casesIn(program, env) {
  const { stdout } = spawnSync(program, ['--list-test-cases', '--reporters=xml'], { encoding: 'utf8', env });
  const listed = [...(stdout ?? '').matchAll(/<TestCase name="([^"]*)"[^>]* filename="([^"]*)"/g)];
  return listed.map(([, name, file]) => ({ program, name, file: path.basename(file) }));
}

function findSanitizer() {
  const homes = [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda'].filter(Boolean);
  const folders = [
    ...(process.env.PATH ?? '').split(':'),
    ...homes.flatMap((home) => [`${home}/bin`, `${home}/compute-sanitizer`]),
  ];
  return folders.map((folder) => path.join(folder, 'compute-sanitizer')).find((candidate) => existsSync(candidate));
}

/** Some virtual machines and containers keep it from the device: then that is what it says, and no kernel is to blame. */
async function sanitizerWorks(sanitizer, { program, file }, deadline, cwd, env) {
  const command = [sanitizer, '--tool', 'memcheck', program, `--source-file=*${file}`, '--first=1', '--last=1'];
  const { output } = await runUntil(deadline, command, { cwd, env: { ...env, TENSORLANE_SHORT: '1' }, minutes: 2 });
  return !/Device not supported|Unable to find injection|LibraryNotLoaded|Failed to initialize/.test(output);
}

export async function benchmarks(found, machine) {
  const { deadline, inRoot, device, packed, env, peerEnv } = machine;
  const folder = inRoot('bench', 'gpu');
  const files = existsSync(folder) ? readdirSync(folder).sort() : [];
  const short = machine.short ? ['--short'] : [];
  // The shortest first; of what is left, the peers get a part, whatever ours took.
  const kernelBench = inRoot('build', 'cuda', 'bench', 'kernels');
  if (device === 'cpu' || packed.emulated) found.skip('bench/gpu/kernels.cu', 'its arrays are for a GPU');
  else if (!existsSync(kernelBench)) found.skip('bench/gpu/kernels.cu', 'it was not packed');
  else await benchmark(found, machine, 'bench/gpu/kernels.cu', [kernelBench], { env }, deadline);

  const peers = files.filter((file) => file.endsWith('.py'));
  const python = peers.length > 0 && spawnSync('python3', ['--version']).status === 0;
  if (!files.includes('main.ts')) found.skip('the benchmarks', 'none were packed');
  else {
    const main = ['--expose-gc', '--import', 'tsx', path.join(folder, 'main.ts'), '--json', ...short];
    const until = python ? new Deadline((deadline.left / 60_000) * 0.6) : deadline;
    await benchmark(found, machine, 'bench/gpu/main.ts', [process.execPath, ...main], { env }, until);
  }
  for (const name of peers) {
    if (!python) found.skip(name, 'python3 is not here');
    else {
      const command = ['python3', path.join(folder, name), ...short];
      await benchmark(found, machine, `bench/gpu/${name}`, command, { env: peerEnv }, deadline);
    }
  }
}

async function benchmark(found, { inRoot, packed }, name, command, { env }, deadline) {
  if (deadline.left === 0) return found.skip(name, ranOut);
  let figures = 0;
  let skipped = 0;
  let emulated = false;
  const failures = [];
  const line = (text) => {
    const row = fromJson(text);
    if (row === undefined) return console.log(text);
    if (row.device?.kind) {
      emulated = row.device.name.startsWith('Emulated') && !packed.emulated;
      if (!emulated) found.device(row.device);
    }
    if (emulated) return;
    if (row.contender || row.kernel) {
      figures += 1;
      console.log(shown(row));
      if (row.contender) found.figure(row);
      else found.kernel(row);
    }
    if (row.failed) {
      failures.push(`${row.failed}: ${row.why}`);
      console.log(`FAILED ${failures.at(-1)}`);
    }
    if (row.skipped) {
      skipped += 1;
      found.skip(name, row.skipped);
    }
  };
  const { ok, seconds, tail, late } = await runUntil(deadline, command, { cwd: inRoot(), env, line });
  if (emulated) return found.count(name, false, seconds, 'it ran on the emulated device, whose figures are no GPU’s');
  if (late && failures.length === 0) return found.skip(`the rest of ${name}, after ${figures} figures`, ranOut);
  if (ok && skipped > 0 && figures === 0) return;
  const well = ok && figures > 0;
  found.count(name, well, seconds, well ? '' : failures.join('; ') || tail);
}

function fromJson(text) {
  try {
    return text.startsWith('{') ? JSON.parse(text) : undefined;
  } catch {
    return undefined; // something else that begins so
  }
}

function shown({ name, contender, unit, value, kernel, shape, us, gb_per_s }) {
  const number = (figure) => Number(figure.toPrecision(4));
  if (kernel) return `  ${kernel}, ${shape}: ${number(us)} us, ${number(gb_per_s)} GB/s`;
  return `  ${name}, ${contender}: ${number(value)} ${unit}`;
}
