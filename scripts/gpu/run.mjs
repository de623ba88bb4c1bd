// Runs on the machine with the GPU, from what pack.mjs packed: see check.sh. It has no dependencies.
//   --only tests,sanitizer,bench   some of the three parts; what the others found before is kept in the report
//   --minutes 9                    the most that each part may take: what it does not come to is reported as skipped
//   --out FOLDER  --short  --device cpu
// The report is written after each check, so that nothing is lost whatever ends the run.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { benchmarks, kernels, tests } from './parts.mjs';
import { Deadline, endAll } from './programs.mjs';
import { markdown } from './report.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const inRoot = (...parts) => path.join(root, ...parts);
const all = { tests, sanitizer: kernels, bench: benchmarks };
const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: path.join('bench', 'results') },
    only: { type: 'string', default: Object.keys(all).join() },
    minutes: { type: 'string', default: '9' },
    device: { type: 'string', default: 'cuda' },
    short: { type: 'boolean', default: false },
  },
});
const wanted = options.only.split(',');
const minutes = Number(options.minutes);
const wrong = wanted.find((name) => !(name in all));
if (wrong !== undefined) refuse(`--only takes some of ${Object.keys(all).join()}, not ${wrong}.`);
if (!(minutes > 0)) refuse(`--minutes takes a number above 0, not ${options.minutes}.`);

// What pack.mjs packed. An archive with the emulated device is checked like a GPU's, and never reported as one.
const packed = JSON.parse(readFileSync(inRoot('packed.json'), 'utf8'));
const gpu = findGpu();
if (!gpu)
  refuse(
    'there is no GPU here: neither nvidia-smi nor /proc/driver/nvidia lists one. `--device cpu` only shows that this works.',
  );
console.log(`${gpu.name}${gpu.driver ? `, driver ${gpu.driver}` : ''}, Node ${process.version}`);

const kept = inRoot('report.json');
const slug = gpu.name
  .toLowerCase()
  .replaceAll(/[^a-z0-9]+/g, '-')
  .replaceAll(/^-|-$/g, '');
const file = (kind) => path.join(options.out, `${slug}.${kind}`);
const parts = keptParts();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    endAll();
    write();
    process.exit(130);
  });

for (const name of wanted) {
  console.log(`\n${name}, for at most ${minutes} minutes`);
  const part = { passed: 0, failed: 0, seconds: 0, checks: [], figures: [], kernels: [], skipped: [] };
  parts[name] = part;
  const started = performance.now();
  await all[name](recorder(part, started), context(new Deadline(minutes)));
  part.seconds = Number(((performance.now() - started) / 1000).toFixed(1));
  write();
}

const report = write();
console.log(`\n${markdown(report)}\nwritten: ${file('json')}, ${file('md')}`);
const sum = (key) => wanted.reduce((total, name) => total + parts[name][key], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') > 0 || sum('passed') === 0 ? 1 : 0;

function refuse(why) {
  console.error(`gpu-check: ${why}`);
  process.exit(1);
}

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

/** What the other parts found, when they ran from this same folder on this same device. */
function keptParts() {
  try {
    const before = JSON.parse(readFileSync(kept, 'utf8'));
    return before.gpu.name === gpu.name && before.short === options.short ? before.parts : {};
  } catch {
    return {}; // the first part
  }
}

function write() {
  const found = Object.keys(all)
    .filter((name) => parts[name])
    .map((name) => parts[name]);
  const total = (key) => found.reduce((sum, part) => sum + part[key], 0);
  const report = {
    date: new Date().toISOString(),
    gpu,
    node: process.version,
    packed,
    short: options.short,
    device: found.find((part) => part.device)?.device,
    passed: total('passed'),
    failed: total('failed'),
    parts,
  };
  mkdirSync(options.out, { recursive: true });
  const json = `${JSON.stringify(report, null, 2)}\n`;
  const texts = [
    [kept, json],
    [file('json'), json],
    [file('md'), markdown(report)],
  ];
  for (const [name, text] of texts) {
    // Whole or not at all.
    writeFileSync(`${name}.part`, text);
    renameSync(`${name}.part`, name);
  }
  return report;
}

/** Where a part puts what it finds. */
function recorder(part, started) {
  const changed = () => {
    part.seconds = Number(((performance.now() - started) / 1000).toFixed(1));
    write();
  };
  return {
    /** Counts one check, and says how it ended. */
    count(name, ok, seconds, note = '') {
      part[ok ? 'passed' : 'failed'] += 1;
      part.checks.push({ name, ok, seconds: Number(seconds.toFixed(1)), ...(note && { note }) });
      console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)${note && `: ${note}`}`);
      changed();
    },
    /** A file of tests, which has printed its own lines. */
    countTests(passed, failures) {
      part.passed += passed;
      part.failed += failures.length;
      for (const { name, note } of failures) part.checks.push({ name, ok: false, note });
      changed();
    },
    skip(what, why) {
      part.skipped.push({ what, why });
      console.log(`skipped ${what}: ${why}`);
      changed();
    },
    figure(row) {
      part.figures.push(row);
      changed();
    },
    kernel(row) {
      part.kernels.push(row);
      changed();
    },
    device(device) {
      part.device ??= device;
      changed();
    },
  };
}

/** What the parts know of this machine, and how long they have. */
function context(deadline) {
  const ours = inRoot('libraries');
  const folders = (process.env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => path.resolve(folder) !== ours);
  return {
    deadline,
    inRoot,
    packed,
    device: options.device,
    short: options.short,
    env: {
      ...process.env,
      TENSORLANE_TEST_DEVICE: options.device,
      TENSORLANE_REAL_GPU: '1',
      PYTHONUNBUFFERED: '1',
      // Its libraries call OpenBLAS from every stream, whose threads would spin for one another.
      ...(packed.emulated && {
        TENSORLANE_CUDA_LIBRARIES: inRoot('libraries', 'emulated-cuda'),
        OPENBLAS_NUM_THREADS: '1',
        // The benchmarks' arrays are for a GPU with more than the gigabyte that it has for tests.
        EMULATION_MEMORY: String(2 ** 33),
      }),
    },
    // The packed libraries are not for other people's programs.
    peerEnv: { ...process.env, PYTHONUNBUFFERED: '1', LD_LIBRARY_PATH: folders.join(':') },
  };
}
