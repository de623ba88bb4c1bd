// The registers that ptxas gives each kernel of cuda/, held to cuda/kernels/limits.json: a kernel that needs more registers than
// it has there, spills any, keeps an array in local memory, or is not listed fails by name. With fewer registers it passes. ptxas says
// them where the addon is built with its CUDA device (cuda/keep-ptxas.sh), so that no kernel is compiled for this alone.
//   node scripts/test/ptxas.mjs --write    writes the file anew, from what ptxas says now
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readToolkitOptions } from '../setup/cuda.mjs';
import { packages } from '../setup/packages.mjs';
import { inRoot, SetupError } from '../setup/run.mjs';
import { cudaAddon, dependencies } from '../setup/steps.mjs';
import { doSteps, orExit } from '../setup.mjs';

const file = inRoot('cuda', 'kernels', 'limits.json');
// The oldest architecture, and the one that most of the measuring is done on.
const architectures = ['75', '90'];

/** { passed, failures, skipped }; a kernel on an architecture is one test. */
export async function checkLimits() {
  const { release, kernels: limits } = JSON.parse(readFileSync(file, 'utf8'));
  const skip = (why) => ({ passed: 0, failures: [], skipped: [{ what: "the kernels' registers", why }] });
  const { step: toolkit } = readToolkitOptions([]);
  try {
    await doSteps([packages(toolkit.purpose), toolkit]);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return skip(`there is no CUDA toolkit (${error.message.split('\n')[0]})`);
  }
  const here = releaseOf(toolkit);
  // Another compiler gives other numbers, and means nothing by it.
  if (here !== release) return skip(`they are those of nvcc ${release}, and this is ${here}`);
  let kernels;
  try {
    kernels = await measure(toolkit);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { passed: 0, failures: [`the addon was not built with its CUDA device: ${error.message}`], skipped: [] };
  }
  const failures = [];
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
    for (const [kernel, uses] of Object.entries(listed))
      for (const architecture of Object.keys(uses))
        if (!kernels[source]?.[kernel]?.[architecture])
          failures.push(`${source}: ${kernel} on ${architecture} is in limits.json and nowhere else`);
  return { passed, failures, skipped: [] };
}

function judge({ registers, spills, stack }, limit) {
  if (limit === undefined) return 'is not in limits.json: node scripts/test/ptxas.mjs --write';
  if (spills > 0) return `spills ${spills} bytes`;
  if (stack > 0) return `keeps ${stack} bytes in local memory`;
  return registers > limit ? `uses ${registers} registers, more than ${limit}` : undefined;
}

const releaseOf = (toolkit) =>
  /release ([\d.]+)/.exec(spawnSync(toolkit.toolkit().nvcc, ['--version'], { encoding: 'utf8' }).stdout)?.[1];

/** { source: { kernel: { architecture: { registers, spills, stack } } } }, the most of all instances of a kernel. */
async function measure(toolkit) {
  // Whoever has built for all architectures has no need to build for two.
  const whole = cudaAddon(toolkit);
  if (!whole.done()) await doSteps([dependencies, cudaAddon(toolkit, { architectures: architectures.join(';') })]);
  const kernels = {};
  for (const source of sources()) {
    const kept = inRoot('build', 'CMakeFiles', 'tensorlane_cuda.dir', 'cuda', `${source}.o.ptxas`);
    if (!existsSync(kept)) throw new SetupError(`${path.relative(inRoot(), kept)} is missing`);
    for (const { kernel, architecture, ...use } of usesIn(readFileSync(kept, 'utf8'))) {
      if (!architectures.some((one) => architecture === `sm_${one}`)) continue;
      kernels[source] ??= {};
      kernels[source][kernel] ??= {};
      const uses = kernels[source][kernel];
      const most = uses[architecture] ?? { registers: 0, spills: 0, stack: 0 };
      for (const unit of ['registers', 'spills', 'stack']) most[unit] = Math.max(most[unit], use[unit]);
      uses[architecture] = most;
    }
  }
  return kernels;
}

/** Those of cuda/ with kernels, in an order that is always the same. */
function sources() {
  const names = readdirSync(inRoot('cuda'), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.cu')).sort((a, b) => a.localeCompare(b, 'en'));
}

/** What ptxas says of each kernel: its name without namespaces, template arguments and parameters, for what, and what it takes. */
export function usesIn(output) {
  const named = spawnSync('c++filt', [], { input: output, encoding: 'utf8' }).stdout;
  const entries = named.split(/^ptxas info\s*: Compiling entry function /m).slice(1);
  return entries.map((entry) => {
    const [, signature, architecture] = /^'(.*)' for '(\w+)'/.exec(entry);
    const number = (pattern) => Number(pattern.exec(entry)?.[1] ?? Number.NaN);
    return {
      kernel: /(\w+)(?:<.*>)?\(/.exec(signature.replace(/\(anonymous namespace\)::/g, ''))?.[1] ?? signature,
      architecture,
      registers: number(/Used (\d+) registers/),
      spills: number(/(\d+) bytes spill stores/) + number(/(\d+) bytes spill loads/),
      stack: number(/(\d+) bytes stack frame/),
    };
  });
}

async function write() {
  const { step: toolkit } = readToolkitOptions([]);
  await doSteps([packages(toolkit.purpose), toolkit]);
  const kernels = await measure(toolkit);
  const problems = [];
  for (const [source, found] of Object.entries(kernels))
    for (const [kernel, uses] of Object.entries(found))
      for (const [architecture, use] of Object.entries(uses)) {
        const problem = judge(use, use.registers);
        if (problem) problems.push(`${source}: ${kernel} on ${architecture} ${problem}`);
        uses[architecture] = use.registers;
      }
  writeFileSync(file, `${JSON.stringify({ release: releaseOf(toolkit), kernels }, null, 2)}\n`);
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
