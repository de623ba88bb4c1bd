// Runs on the machine with the GPU, from what pack.mjs packed: see check.sh. It has no dependencies.
//
// A benchmark is bench/gpu/main.ts or a peer's bench/gpu/*.py. It prints JSON on its last line: rows of { name, contender, unit,
// value, lower } (`lower: false` where more is better). A peer that cannot run prints { "skipped": "why" }.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

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
const results = { passed: 0, failed: 0 };
const report = {
  date: new Date().toISOString(),
  gpu: findGpu(),
  node: process.version,
  checks: [],
  figures: [],
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
writeFileSync(file('json'), `${JSON.stringify({ ...report, ...results }, null, 2)}\n`);
writeFileSync(file('md'), markdown());
console.log(`\n${markdown()}\nwritten: ${file('json')}, ${file('md')}`);
console.log(`${results.passed} passed, ${results.failed} failed`);
process.exitCode = results.failed > 0 || results.passed === 0 ? 1 : 0;

function findGpu() {
  if (options.device === 'cpu') return { name: `cpu ${os.cpus()[0]?.model ?? ''}`.trim() };
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
  results[ok ? 'passed' : 'failed'] += 1;
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
  const { ok, seconds } = await run(
    [process.execPath, ...vitest, '--reporter=default', '--reporter=json', `--outputFile.json=${json}`],
    { show: true, minutes: 20 },
  );
  let counted = { passed: 0, failed: 0 };
  try {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(json, 'utf8'));
    const isFailed = ({ status }) => status === 'failed';
    const broken = testResults.filter((entry) => isFailed(entry) && !entry.assertionResults.some(isFailed));
    counted = { passed: numPassedTests, failed: numFailedTests + broken.length };
  } catch {
    // No report: vitest itself failed.
  }
  if (!ok && counted.failed === 0) counted.failed = 1;
  results.passed += counted.passed;
  results.failed += counted.failed;
  report.tests = { ...counted, seconds: Number(seconds.toFixed(1)) };
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
      const result = await run([sanitizer, '--tool', tool, '--error-exitcode', '99', program], { minutes: 10 });
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
  const { output } = await run([sanitizer, '--tool', 'memcheck', program], { minutes: 10 });
  return !/Device not supported|Unable to find injection|LibraryNotLoaded|Failed to initialize/.test(output);
}

async function benchmarks() {
  const folder = inRoot('bench', 'gpu');
  const files = existsSync(folder) ? readdirSync(folder).sort() : [];
  const python = spawnSync('python3', ['--version']).status === 0;
  const peers = files.filter((name) => name.endsWith('.py') && !name.startsWith('_'));
  if (!files.includes('main.ts')) skip('the benchmarks', 'none were packed');
  else await benchmark('main.ts', [process.execPath, '--expose-gc', '--import', 'tsx', path.join(folder, 'main.ts')]);
  for (const name of peers) {
    if (!python) skip(name, 'python3 is not here');
    else await benchmark(name, ['python3', path.join(folder, name)]);
  }
}

async function benchmark(name, command) {
  const { ok, seconds, output, tail } = await run([...command, ...(options.short ? ['--short'] : [])], { minutes: 20 });
  const printed = lastJson(output);
  if (ok && printed?.skipped) return skip(name, printed.skipped);
  const rows = Array.isArray(printed) ? printed : (printed?.figures ?? []);
  report.figures.push(...rows);
  count(`bench/gpu/${name}`, ok && rows.length > 0, seconds, ok && rows.length > 0 ? '' : tail);
}

function lastJson(output) {
  for (const line of output.trimEnd().split('\n').toReversed()) {
    if (!/^[[{]/.test(line)) continue;
    try {
      return JSON.parse(line);
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

function markdown() {
  const contenders = [...new Set(report.figures.map(({ contender }) => contender))];
  const names = [...new Set(report.figures.map(({ name }) => name))];
  const cells = names.map((name) => {
    const rows = report.figures.filter((row) => row.name === name);
    const best = rows.map(({ value }) => value).sort((a, b) => (rows[0].lower === false ? b - a : a - b))[0];
    return [
      `${name}, ${rows[0].unit}`,
      ...contenders.map((contender) => {
        const value = rows.find((row) => row.contender === contender)?.value;
        if (value === undefined) return '';
        return value === best && rows.length > 1 ? `**${shown(value)}**` : shown(value);
      }),
    ];
  });
  const line = (fields) => `| ${fields.join(' | ')} |`;
  const failed = report.checks
    .filter(({ ok }) => !ok)
    .map(({ name, note }) => `- failed: ${name}${note ? ` (${note})` : ''}`);
  const skipped = report.skipped.map(({ what, why }) => `- skipped: ${what}, because ${why}`);
  return [
    `# ${report.gpu.name}`,
    '',
    [
      report.date.slice(0, 10),
      report.gpu.driver && `driver ${report.gpu.driver}`,
      report.gpu.memory,
      `Node ${report.node}`,
      `${results.passed} checks passed, ${results.failed} failed`,
    ]
      .filter(Boolean)
      .join(', '),
    '',
    ...(cells.length > 0
      ? [line(['', ...contenders]), line(['---', ...contenders.map(() => '---:')]), ...cells.map(line), '']
      : []),
    ...failed,
    ...skipped,
    '',
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function shown(value) {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}

/** Runs a command where the archive was unpacked, and kills it past its time. */
function run([command, ...args], { show = false, minutes }) {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: {
        ...process.env,
        TENSORLANE_TEST_DEVICE: options.device,
        TENSORLANE_REAL_GPU: '1',
        PYTHONUNBUFFERED: '1',
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
