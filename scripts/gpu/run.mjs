// Runs on the machine with the GPU, from what pack.mjs packed: see check.sh. It has no dependencies.
//
// A benchmark is bench/gpu/main.ts, a peer's bench/gpu/*.py, or build/cuda/bench/kernels. It prints a line of JSON for each figure
// as soon as it has it, so that what was measured before a failure is kept: { name, contender, unit, value, lower, target }
// (`lower: false` where more is better), { kernel, shape, ... }, { device } once, { failed, why }; and { skipped } where it
// cannot run.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { markdown } from './report.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const inRoot = (...parts) => path.join(root, ...parts);
const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: path.join('bench', 'results') },
    only: { type: 'string', default: 'tests,sanitizer,bench' },
    device: { type: 'string', default: 'cuda' },
    short: { type: 'boolean', default: false },
  },
});
const wanted = new Set(options.only.split(','));
// What pack.mjs packed. An archive with the emulated device is checked like a GPU's, and never reported as one.
const packed = JSON.parse(readFileSync(inRoot('packed.json'), 'utf8'));
const emulatedLibraries = inRoot('libraries', 'emulated-cuda');
// Without the large shapes of test/emulation/tests/kernels: every access costs a hundred times as much.
const underSanitizer = { minutes: 10, env: { TENSORLANE_SHORT: '1' } };
const report = {
  date: new Date().toISOString(),
  gpu: findGpu(),
  node: process.version,
  packed,
  short: options.short,
  passed: 0,
  failed: 0,
  checks: [],
  figures: [],
  kernels: [],
  skipped: [],
};

if (!report.gpu) {
  console.error('gpu-check: there is no GPU here: neither nvidia-smi nor /proc/driver/nvidia lists one.');
  console.error('gpu-check: `--device cpu` only shows that this script works.');
  process.exit(1);
}
console.log(`${report.gpu.name}${report.gpu.driver ? `, driver ${report.gpu.driver}` : ''}, Node ${process.version}`);

if (wanted.has('tests')) await tests();
if (wanted.has('sanitizer')) await kernels();
if (wanted.has('bench')) await benchmarks();

const slug = report.gpu.name
  .toLowerCase()
  .replaceAll(/[^a-z0-9]+/g, '-')
  .replaceAll(/^-|-$/g, '');
mkdirSync(options.out, { recursive: true });
const file = (kind) => path.join(options.out, `${slug}.${kind}`);
writeFileSync(file('json'), `${JSON.stringify(report, null, 2)}\n`);
writeFileSync(file('md'), markdown(report));
console.log(`\n${markdown(report)}\nwritten: ${file('json')}, ${file('md')}`);
console.log(`${report.passed} passed, ${report.failed} failed`);
process.exitCode = report.failed > 0 || report.passed === 0 ? 1 : 0;

function findGpu() {
  if (options.device === 'cpu') return { name: `cpu ${os.cpus()[0]?.model ?? ''}`.trim() };
  if (packed.emulated) return { name: 'emulated device' };
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8' });
  const [name, driver, memory] =
    status === 0
      ? stdout
          .split('\n')[0]
          .split(',')
          .map((field) => field.trim())
      : [];
  if (name) return { name, driver, memory };
  // Containers may have the driver without its tools.
  const listed = '/proc/driver/nvidia/gpus';
  if (!existsSync(listed)) return undefined;
  const [first] = readdirSync(listed);
  const model = first && /^Model:\s*(.+)$/m.exec(readFileSync(path.join(listed, first, 'information'), 'utf8'))?.[1];
  return model && { name: model };
}

/** Counts one check, and says how it ended. */
function count(name, ok, seconds, note = '') {
  report[ok ? 'passed' : 'failed'] += 1;
  report.checks.push({ name, ok, seconds: Number(seconds.toFixed(1)), ...(note && { note }) });
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)${note && `: ${note}`}`);
}

function skip(what, why) {
  report.skipped.push({ what, why });
  console.log(`skipped ${what}: ${why}`);
}

async function tests() {
  // On a GPU with the configuration of the CUDA device's suite; what it needs models for stays at home.
  const suite =
    options.device === 'cpu'
      ? ['--project', 'fast', 'test/linalg', 'test/ops', 'test/device', 'test/tensor.test.ts']
      : [
          '--config',
          'vitest.cuda.config.ts',
          'test/cuda',
          'test/device',
          'test/linalg',
          'test/ops',
          'test/streams.test.ts',
        ];
  const json = inRoot('vitest.json');
  const vitest = [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', ...suite];
  const { ok, seconds, tail } = await run(
    [process.execPath, ...vitest, '--reporter=default', '--reporter=json', `--outputFile.json=${json}`],
    { show: true, minutes: 20 },
  );
  let passed = 0;
  const failures = [];
  try {
    const { numPassedTests, testResults } = JSON.parse(readFileSync(json, 'utf8'));
    passed = numPassedTests;
    const isFailed = ({ status }) => status === 'failed';
    for (const { name: file, message, assertionResults, ...result } of testResults) {
      if (!isFailed(result)) continue;
      const broken = assertionResults.filter(isFailed);
      // A file that could not be loaded has no tests to count.
      if (broken.length === 0) broken.push({ fullName: path.relative(root, file), failureMessages: [message] });
      // What vitest's report has where a test ran out of time.
      for (const { fullName, failureMessages } of broken)
        failures.push({
          name: fullName,
          note: firstLine(failureMessages[0]).replace(/.*STACK_TRACE_ERROR/, 'timed out'),
        });
    }
  } catch {
    // No report: vitest itself failed.
  }
  if (!ok && failures.length === 0) failures.push({ name: 'vitest', note: tail });
  for (const { name, note } of failures) report.checks.push({ name, ok: false, note });
  report.passed += passed;
  report.failed += failures.length;
  report.tests = { passed, failed: failures.length, seconds: Number(seconds.toFixed(1)) };
}

function firstLine(text = '') {
  return text.split('\n')[0];
}

/** The programs of the kernels, plainly and under compute-sanitizer. */
async function kernels() {
  const folder = inRoot('build', 'cuda', 'tests');
  const programs = existsSync(folder) ? readdirSync(folder).sort() : [];
  if (programs.length === 0) return skip('the kernel programs', 'none were packed');
  const sanitizer = findSanitizer();
  const usable = sanitizer !== undefined && (await sanitizerWorks(sanitizer, path.join(folder, programs[0])));
  if (!sanitizer) skip('memcheck and racecheck', 'compute-sanitizer is not here');
  else if (!usable) skip('memcheck and racecheck', 'compute-sanitizer does not work on this machine');
  for (const name of programs) {
    const program = path.join(folder, name);
    const plain = await run([program], { minutes: 5 });
    count(name, plain.ok, plain.seconds, plain.ok ? '' : plain.tail);
    if (!usable || !plain.ok) continue;
    for (const tool of ['memcheck', 'racecheck']) {
      const result = await run([sanitizer, '--tool', tool, '--error-exitcode', '99', program], underSanitizer);
      count(`${name} under ${tool}`, result.ok, result.seconds, result.ok ? '' : result.tail);
    }
  }
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
async function sanitizerWorks(sanitizer, program) {
  const { output } = await run([sanitizer, '--tool', 'memcheck', program], underSanitizer);
  return !/Device not supported|Unable to find injection|LibraryNotLoaded|Failed to initialize/.test(output);
}

async function benchmarks() {
  const folder = inRoot('bench', 'gpu');
  const files = existsSync(folder) ? readdirSync(folder).sort() : [];
  const short = options.short ? ['--short'] : [];
  if (!files.includes('main.ts')) skip('the benchmarks', 'none were packed');
  else {
    const main = ['--expose-gc', '--import', 'tsx', path.join(folder, 'main.ts'), '--json'];
    await benchmark('bench/gpu/main.ts', [process.execPath, ...main, ...short]);
  }
  const kernelBench = inRoot('build', 'cuda', 'bench', 'kernels');
  if (options.device === 'cpu' || packed.emulated) skip('bench/gpu/kernels.cu', 'its arrays are for a GPU');
  else if (!existsSync(kernelBench)) skip('bench/gpu/kernels.cu', 'it was not packed');
  else await benchmark('bench/gpu/kernels.cu', [kernelBench]);
  const python = spawnSync('python3', ['--version']).status === 0;
  for (const name of files.filter((file) => file.endsWith('.py'))) {
    if (!python) skip(name, 'python3 is not here');
    else await benchmark(`bench/gpu/${name}`, ['python3', path.join(folder, name), ...short]);
  }
}

async function benchmark(name, command) {
  const { ok, seconds, output, tail } = await run(command, { minutes: 20 });
  const lines = jsonLines(output);
  const device = lines.find((line) => line.device?.kind)?.device;
  if (device?.name.startsWith('Emulated') && !packed.emulated)
    return count(name, false, seconds, 'it ran on the emulated device, whose figures are no GPU’s');
  const figures = lines.filter((line) => line.contender);
  const rates = lines.filter((line) => line.kernel);
  const skipped = lines.filter((line) => line.skipped);
  for (const line of skipped) skip(name, line.skipped);
  if (ok && skipped.length > 0 && figures.length === 0) return;
  report.figures.push(...figures);
  report.kernels.push(...rates);
  report.device ??= device;
  const failures = lines.filter((line) => line.failed).map(({ failed, why }) => `${failed}: ${why}`);
  const well = ok && figures.length + rates.length > 0;
  count(name, well, seconds, well ? '' : failures.join('; ') || tail);
}

function jsonLines(output) {
  return output.split('\n').flatMap((line) => {
    try {
      return line.startsWith('{') ? [JSON.parse(line)] : [];
    } catch {
      return []; // Something else that begins so.
    }
  });
}

/** Runs a command where the archive was unpacked, and kills it past its time. */
function run([command, ...args], { show = false, minutes, env = {} }) {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: {
        ...process.env,
        TENSORLANE_TEST_DEVICE: options.device,
        TENSORLANE_REAL_GPU: '1',
        PYTHONUNBUFFERED: '1',
        ...env,
        // Its libraries call OpenBLAS from every stream, whose threads would spin for one another.
        ...(packed.emulated && { TENSORLANE_CUDA_LIBRARIES: emulatedLibraries, OPENBLAS_NUM_THREADS: '1' }),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: minutes * 60_000,
      killSignal: 'SIGKILL',
    });
    let output = '';
    const pass = (to) => (chunk) => {
      output += chunk;
      if (show) to.write(chunk);
    };
    child.stdout.on('data', pass(process.stdout));
    child.stderr.on('data', pass(process.stderr));
    const end = (ok, problem) => {
      const lines = output.trimEnd().split('\n').slice(-3).join(' / ');
      const tail = [problem, lines.slice(-400)].filter(Boolean).join(': ');
      resolve({ ok, output, tail, seconds: (performance.now() - started) / 1000 });
    };
    child.on('error', (error) => end(false, error.message));
    child.on('close', (code, signal) =>
      end(code === 0, signal ? `ended by ${signal}` : code ? `exit status ${code}` : ''),
    );
  });
}
