// What of NVIDIA's own files can be tested without a GPU: that the emulated headers are like theirs, that their libraries are
// found and have what is asked of them, that NVRTC compiles, and what ptxas makes of the kernels. Where the files cannot be had,
// that is said, and nothing fails.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from '../processes.mjs';
import { nvidiaFiles, staticRuntime } from '../setup/nvidia.mjs';
import { inRoot, run, SetupError, step } from '../setup/run.mjs';
import { compareHeaders } from './headers.mjs';
import { checkLimits } from './ptxas.mjs';

const build = inRoot('build', 'nvidia');

/** { passed, failures, skipped: [{ what, why }] } */
export async function runNvidiaTests() {
  const sum = { passed: 0, failures: [], skipped: [] };
  const add = ({ passed = 0, failures = [], skipped = [] }) => {
    sum.passed += passed;
    sum.failures.push(...failures);
    for (const { what, why } of skipped) console.log(`skipped: ${what}: ${why}`);
    sum.skipped.push(...skipped);
  };
  add(await comparisonItself());
  const files = await nvidiaFiles();
  if (files.why) {
    add({ skipped: [{ what: "what needs NVIDIA's files", why: files.why }] });
  } else {
    add(await headers(files));
    if (await built(files, add)) {
      add(await libraries(files));
      add(await writtenKernels(files));
    }
  }
  add(await checkLimits());
  return sum;
}

/** A changed copy of the emulated headers stands in for NVIDIA's: each change has to be found, and nothing else. */
async function comparisonItself() {
  const copy = path.join(build, 'changed');
  rmSync(copy, { recursive: true, force: true });
  cpSync(inRoot('test', 'emulation', 'include'), copy, { recursive: true });
  const change = (name, from, to) => {
    const file = path.join(copy, name);
    const text = readFileSync(file, 'utf8');
    if (!text.includes(from)) throw new Error(`${name} has no ${from}`);
    writeFileSync(file, text.replace(from, to));
  };
  change('cuda_runtime_api.h', 'cudaError_t cudaSetDevice(int device)', 'cudaError_t cudaSetDevice(unsigned device)');
  change('driver_types.h', 'cudaErrorMemoryAllocation = 2', 'cudaErrorMemoryAllocation = 4');
  change('driver_types.h', '#define cudaEventDisableTiming 0x02', '#define cudaEventDisableTiming 0x03');
  change('cublas_v2.h', '#define cublasCreate cublasCreate_v2', '#define cublasCreate cublasCreate_v3');
  change('driver_types.h', 'struct cudaPointerAttributes {', 'struct cudaPointerAttributes {\n  long first;');
  const { failures } = await compareHeaders([copy], path.join(build, 'comparison'));
  const found = failures.map((text) => text.split(':')[0]).sort();
  const expected = [
    'cublasCreate',
    'cudaErrorMemoryAllocation',
    'cudaEventDisableTiming',
    ...['', '.device', '.devicePointer', '.hostPointer', '.reserved', '.type'].map(
      (member) => `cudaPointerAttributes${member}`,
    ),
    'cudaSetDevice',
  ];
  if (found.join() === expected.join()) return { passed: 1 };
  return {
    failures: [`the comparison of headers finds ${found.join(', ')} where ${expected.join(', ')} were changed`],
  };
}

async function headers({ major, include }) {
  const what = "the emulated headers beside NVIDIA's";
  if (major !== 13) return { skipped: [{ what, why: `those are of CUDA ${major}, and the emulation's of 13` }] };
  const { compared, names, failures } = await compareHeaders(include, path.join(build, 'headers'));
  // Whatever cuda/ opens at run time is among what is compared.
  const rooms = inRoot('cuda', 'libraries');
  const opened = readdirSync(rooms).flatMap((name) =>
    [...readFileSync(path.join(rooms, name), 'utf8').matchAll(/\bX\((\w+)\)/g)].map(([, symbol]) => symbol),
  );
  for (const symbol of opened)
    if (symbol !== 'name' && !names.has(symbol)) failures.push(`headers: ${symbol} is opened, and not compared`);
  console.log(`  ${compared} declarations of the emulated headers compared, ${failures.length} differ`);
  return { passed: failures.length === 0 ? 1 : 0, failures };
}

async function built(files, add) {
  const { include } = files;
  const options = [`-DCUDA_INCLUDE=${include.join(';')}`, `-DCUDART=${staticRuntime(files)}`];
  try {
    await step(
      "built the tests of NVIDIA's libraries",
      async () => {
        await run('nvidia-tests', 'cmake', ['-S', inRoot('test', 'nvidia'), '-B', build, '-G', 'Ninja', ...options]);
        await run('nvidia-tests', 'cmake', ['--build', build]);
      },
      'test',
    );
    return true;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    add({ failures: [`the tests of NVIDIA's libraries were not built:\n${error.message}`] });
    return false;
  }
}

/** The tests in C++, with the libraries in each of the places in which a user may have them. */
async function libraries(files) {
  const sum = { passed: 0, failures: [], skipped: [] };
  const expected = { EXPECTED_LIBRARIES: files.libraries };
  const nowhere = { TENSORLANE_CUDA_LIBRARIES: '', PYTHONPATH: '', VIRTUAL_ENV: '', CONDA_PREFIX: '' };
  const found = async (where, env, only = []) => {
    const command = [path.join(build, 'nvidia_tests'), '--no-colors', ...only];
    const { ok, output } = await runProgram(command, { env: { ...nowhere, ...expected, ...env }, show: false });
    const passed = Number(/test cases:\s*\d+\s*\|\s*(\d+) passed/.exec(output)?.[1] ?? 0);
    const failed = ok ? [] : [...new Set([...output.matchAll(/^TEST CASE:\s*(.+)$/gm)].map(([, name]) => name))];
    if (!ok && failed.length === 0) failed.push('failed outside of a case');
    if (!ok) console.error(output.trimEnd());
    sum.passed += passed;
    sum.failures.push(...failed.map((name) => `NVIDIA's libraries ${where}: ${name}`));
    console.log(`  NVIDIA's libraries ${where}: ${passed} passed, ${failed.length} failed`);
  };
  await found('in a named folder', { TENSORLANE_CUDA_LIBRARIES: files.libraries });

  const search = '--source-file=*/libraries_test.cpp';
  const what = "NVIDIA's libraries where pip puts them";
  const anywhere = await runProgram([path.join(build, 'nvidia_tests'), '--test-case=cuBLAS*'], {
    env: nowhere,
    show: false,
  });
  if (!files.site) sum.skipped.push({ what, why: 'they did not come from pip' });
  else if (anywhere.ok) sum.skipped.push({ what, why: 'this machine has others, which are found first' });
  else {
    await found('below PYTHONPATH', { PYTHONPATH: files.site }, [search]);
    const user = userSite(files.site);
    if (user) await found('where only python knows', user, [search]);
    else sum.skipped.push({ what: `${what} for a user`, why: 'python3 is not here' });
  }
  return sum;
}

/** A python of which only it knows where a user's packages are: these. */
function userSite(site) {
  const base = path.join(build, 'user');
  const question = ['-c', 'import site; print(site.getusersitepackages())'];
  const env = { ...process.env, PYTHONUSERBASE: base };
  const folder = spawnSync('python3', question, { env, encoding: 'utf8' }).stdout?.trim();
  if (!folder) return undefined;
  mkdirSync(path.dirname(folder), { recursive: true });
  rmSync(folder, { force: true });
  symlinkSync(site, folder);
  return { PYTHONUSERBASE: base };
}

/** The kernels in tests, benchmarks and docs, for the oldest architecture and a new one. */
async function writtenKernels(files) {
  const kernels = ['test/cuda', 'test/device', 'bench/gpu', 'docs', 'README.md', 'test/streams.test.ts'].flatMap(
    inFile,
  );
  const failures = kernels.filter(({ name }) => !name).map(({ file }) => `${file} has a kernel that nothing names`);
  const named = kernels.filter(({ name }) => name);
  const folder = path.join(build, 'kernels');
  mkdirSync(folder, { recursive: true });
  const pairs = named.flatMap(({ source, name }, i) => {
    const at = path.join(folder, `${i}.cu`);
    writeFileSync(at, source);
    return [at, name];
  });
  let passed = 0;
  for (const architecture of ['sm_75', 'sm_90']) {
    const { output } = await runProgram([path.join(build, 'compile_kernels'), architecture, ...pairs], {
      env: { TENSORLANE_CUDA_LIBRARIES: files.libraries },
      show: false,
    });
    const results = output.trimEnd().split('\n');
    named.forEach(({ file, name }, i) => {
      if (results[i] === 'ok') passed += 1;
      else failures.push(`${file}: ${name} for ${architecture}: ${results[i]}`);
    });
  }
  if (named.length === 0) failures.push('no kernel was found in tests, benchmarks and docs');
  console.log(`  ${named.length} kernels of tests, benchmarks and docs compiled by NVRTC, ${failures.length} failed`);
  return { passed, failures };
}

/** { file, source, name } of each kernel that a file, or the files of a folder, have in a template literal. */
function inFile(name) {
  if (!existsSync(inRoot(name))) return [];
  if (!/\.\w+$/.test(name)) return readdirSync(inRoot(name)).flatMap((entry) => inFile(`${name}/${entry}`));
  if (!/\.(ts|md)$/.test(name)) return [];
  const text = readFileSync(inRoot(name), 'utf8');
  const blocks = name.endsWith('.md') ? [...text.matchAll(/^```\w*\n(.*?)^```/gms)].map(([, block]) => block) : [text];
  return blocks.flatMap((block) => {
    const literals = [...block.matchAll(/`([^`]*)`/g)].map(([, literal]) => literal);
    const sources = literals.filter((literal) => literal.includes('__global__'));
    const names = new Set([...block.matchAll(/\bkernel\(\s*[^,()]+,\s*'([^']+)'/g)].map(([, named]) => named));
    return sources.flatMap((source) => {
      const own = [...names].filter((named) => {
        const word = named.replace(/<.*/, '').split('::').at(-1);
        return new RegExp(`\\bvoid\\s+${word}\\s*\\(`).test(source);
      });
      return (own.length > 0 ? own : [undefined]).map((named) => ({ file: name, source, name: named }));
    });
  });
}
