// The registers that ptxas gives each kernel of cuda/, held to cuda/kernels/limits.json: a kernel that needs more registers than
// it has there, spills any, keeps an array in local memory, or is not listed fails by name. With fewer registers it passes.
//   node scripts/test/ptxas.mjs --write    writes the file anew, from what ptxas says now
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../processes.mjs';
import { readToolkitOptions } from '../setup/cuda.mjs';
import { inRoot, SetupError } from '../setup/run.mjs';
import { doSteps, orExit } from '../setup.mjs';

const file = inRoot('cuda', 'kernels', 'limits.json');
// The oldest architecture, and the one that most of the measuring is done on.
const architectures = ['sm_75', 'sm_90'];

/** { passed, failures, skipped }; a kernel on an architecture is one test. */
export async function checkLimits() {
  const { release, kernels: limits } = JSON.parse(readFileSync(file, 'utf8'));
  const what = "the kernels' registers";
  let nvcc;
  try {
    nvcc = await compiler();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { passed: 0, failures: [], skipped: [{ what, why: `there is no nvcc (${error.message.split('\n')[0]})` }] };
  }
  const here = releaseOf(nvcc);
  // Another compiler gives other numbers, and means nothing by it.
  if (here !== release)
    return {
      passed: 0,
      failures: [],
      skipped: [{ what, why: `they are those of nvcc ${release}, and this is ${here}` }],
    };
  const { kernels, failures } = await measure(nvcc);
  let passed = 0;
  for (const [source, found] of Object.entries(kernels)) {
    for (const [kernel, uses] of Object.entries(found)) {
      for (const [architecture, use] of Object.entries(uses)) {
        const problem = judge(use, limits[source]?.[kernel]?.[architecture]);
        if (problem) failures.push(`${source}: ${kernel} on ${architecture} ${problem}`);
        else passed += 1;
      }
    }
  }
  for (const [source, listed] of Object.entries(limits))
    for (const kernel of Object.keys(listed))
      if (!kernels[source]?.[kernel]) failures.push(`${source}: ${kernel} is in limits.json and nowhere else`);
  return { passed, failures, skipped: [] };
}

function judge({ registers, spills, stack }, limit) {
  if (limit === undefined) return 'is not in limits.json: node scripts/test/ptxas.mjs --write';
  if (spills > 0) return `spills ${spills} bytes`;
  if (stack > 0) return `keeps ${stack} bytes in local memory`;
  return registers > limit ? `uses ${registers} registers, more than ${limit}` : undefined;
}

async function compiler() {
  const { step } = readToolkitOptions([]);
  // It takes none of the headers that an installed toolkit may lack.
  if (!existsSync(step.toolkit().nvcc)) await doSteps([step]);
  return step.toolkit().nvcc;
}

const releaseOf = (nvcc) => /release ([\d.]+)/.exec(spawnSync(nvcc, ['--version'], { encoding: 'utf8' }).stdout)?.[1];

/** { source: { kernel: { architecture: { registers, spills, stack } } } }, the most of all instances of a kernel. */
async function measure(nvcc) {
  const sources = ['kernels', 'linalg', 'ops', 'runtime', 'memory']
    .flatMap((room) => readdirSync(inRoot('cuda', room)).map((name) => `${room}/${name}`))
    .filter((name) => name.endsWith('.cu'));
  const queue = sources.flatMap((source) => architectures.map((architecture) => ({ source, architecture })));
  const outputs = [];
  const failures = [];
  mkdirSync(inRoot('build', 'ptxas'), { recursive: true });
  const worker = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      const { source, architecture } = job;
      const to = inRoot('build', 'ptxas', `${source.replaceAll('/', '-')}.${architecture}.cubin`);
      // As cuda/cuda.cmake compiles them.
      const flags = ['-std=c++20', '-O3', '-DNDEBUG', '-DTENSORLANE_CUDA=1', '--expt-relaxed-constexpr'];
      const quiet = ['-Wno-deprecated-gpu-targets', '-Xptxas', '-v'];
      const folders = [`-I${inRoot()}`, `-I${inRoot('native')}`, `-I${inRoot('cuda')}`];
      const command = [nvcc, ...flags, ...quiet, ...folders, `-arch=${architecture}`, '-cubin'];
      const { ok, output } = await runProgram([...command, inRoot('cuda', source), '-o', to], { show: false });
      if (ok) outputs.push({ ...job, output });
      else failures.push(`${source} for ${architecture}: nvcc failed: ${output.trim().split('\n')[0]}`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  const kernels = {};
  const order = ({ source, architecture }) => `${source} ${architecture}`;
  outputs.sort((a, b) => order(a).localeCompare(order(b), 'en'));
  for (const { source, architecture, output } of outputs)
    for (const use of usesIn(output)) {
      kernels[source] ??= {};
      kernels[source][use.kernel] ??= {};
      const uses = kernels[source][use.kernel];
      const most = uses[architecture] ?? { registers: 0, spills: 0, stack: 0 };
      for (const unit of ['registers', 'spills', 'stack']) most[unit] = Math.max(most[unit], use[unit]);
      uses[architecture] = most;
    }
  return { kernels, failures };
}

/** What ptxas says of each kernel: its name without namespaces, template arguments and parameters, and what it takes. */
export function usesIn(output) {
  const named = spawnSync('c++filt', [], { input: output, encoding: 'utf8' }).stdout;
  const entries = named.split(/^ptxas info\s*: Compiling entry function /m).slice(1);
  return entries.map((entry) => {
    const [, signature] = /^'(.*)' for/.exec(entry);
    const number = (pattern) => Number(pattern.exec(entry)?.[1] ?? Number.NaN);
    return {
      kernel: /(\w+)(?:<.*>)?\(/.exec(signature.replace(/\(anonymous namespace\)::/g, ''))?.[1] ?? signature,
      registers: number(/Used (\d+) registers/),
      spills: number(/(\d+) bytes spill stores/) + number(/(\d+) bytes spill loads/),
      stack: number(/(\d+) bytes stack frame/),
    };
  });
}

async function write() {
  const nvcc = await compiler();
  const { kernels, failures } = await measure(nvcc);
  if (failures.length > 0) throw new SetupError(failures.join('\n'));
  const problems = [];
  for (const [source, found] of Object.entries(kernels))
    for (const [kernel, uses] of Object.entries(found))
      for (const [architecture, use] of Object.entries(uses)) {
        const problem = judge(use, use.registers);
        if (problem) problems.push(`${source}: ${kernel} on ${architecture} ${problem}`);
        uses[architecture] = use.registers;
      }
  writeFileSync(file, `${JSON.stringify({ release: releaseOf(nvcc), kernels }, null, 2)}\n`);
  console.log(`written: ${path.relative(process.cwd(), file)}`);
  if (problems.length > 0) throw new SetupError(problems.join('\n'));
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (process.argv[2] !== '--write') {
    console.error('ptxas: takes --write; the check itself is a part of npm run test:all');
    process.exit(2);
  }
  await orExit(write);
}
