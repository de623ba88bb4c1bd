// The command `tensorlane setup cuda`, run as a user runs it, against registries of the test's own.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { onnxRuntimeVersion } from '../../lib/cli/versions.js';
import { runNode } from '../support/processes.js';
import { Registry, zipOf } from './registry.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'tensorlane-setup-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const tag = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const provider = `microsoft.ml.onnxruntime.gpu.linux.${onnxRuntimeVersion()}.nupkg`;

/** By wheel: what CUDA 13 needs, of the newest version that fits, and what does not fit beside it. */
const libraries: Readonly<Record<string, string>> = {
  'nvidia_cublas-13.1.1.3': 'libcublas.so.13',
  'nvidia_cusolver-12.0.4': 'libcusolver.so.12',
  'nvidia_cusparse-12.6.3': 'libcusparse.so.12',
  'nvidia_nvjitlink-13.4.92': 'libnvJitLink.so.13',
  'nvidia_cuda_nvrtc-13.0.88': 'libnvrtc.so.13',
  'nvidia_cuda_runtime-13.0.96': 'libcudart.so.13',
  'nvidia_cudnn_cu13-9.14.0': 'libcudnn.so.9',
  'nvidia_cufft-12.1.0': 'libcufft.so.12',
  'nvidia_curand-10.4.0': 'libcurand.so.10',
};
const wheels = Object.keys(libraries).map((name) => `${name}-py3-none-manylinux_2_27_${tag}.whl`);

async function filled(): Promise<Registry> {
  const registry = new Registry();
  for (const [name, library] of Object.entries(libraries)) {
    const wheel = await zipOf({
      [`nvidia/cu13/lib/${library}`]: `${library} of ${name}`,
      [`nvidia/cu13/include/${name}.h`]: '// a header',
      'nvidia/cu13/bin/program': 'nobody wants it',
      [`${name}.dist-info/License.txt`]: 'terms',
    });
    registry.add(`${name}-py3-none-manylinux_2_27_${tag}.whl`, wheel);
  }
  const unfit = await zipOf({ 'nvidia/cu14/lib/libcublas.so.14': 'of the next CUDA' });
  registry.add(`nvidia_cublas-14.0.0-py3-none-manylinux_2_27_${tag}.whl`, unfit);
  registry.add(`nvidia_cublas-13.0.9-py3-none-manylinux_2_27_${tag}.whl`, unfit);
  registry.add('nvidia_cublas-13.9.0-py3-none-win_amd64.whl', unfit);
  registry.add(
    provider,
    await zipOf({
      [`runtimes/linux-${process.arch}/native/libonnxruntime_providers_cuda.so`]: 'the provider',
      [`runtimes/linux-${process.arch}/native/libonnxruntime_providers_shared.so`]: 'its bridge',
      'runtimes/win-x64/native/onnxruntime_providers_cuda.dll': 'for others',
      LICENSE: 'terms',
    }),
  );
  return registry;
}

let folders = 0;
/** Into an empty folder, with nothing of CUDA's to be found elsewhere. */
function setup(...args: string[]) {
  const into = join(temporary, `into-${folders++}`);
  const run = (...more: string[]) =>
    runNode([main, 'setup', 'cuda', '--cuda', '13', '--all', '--into', into, ...args, ...more], { cwd: temporary });
  return { into, run };
}

function treeOf(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

test.each([
  ['JSON', false],
  ['HTML', true],
])('fetches what is missing, from a registry that answers in %s, and then nothing', async (_, html) => {
  await using registry = await filled();
  await registry.listen({ html });
  const { into, run } = setup(...registry.args);
  const { stdout, stderr, code } = await run();
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('cuBLAS: missing; for linear algebra on the GPU');
  expect(treeOf(into)).toEqual(
    [
      ...Object.keys(libraries).map((name) => `include/${name}.h`),
      ...Object.values(libraries).map((name) => `lib/${name}`),
      ...Object.keys(libraries).map((name) => `licenses/${name.split('-')[0]}.txt`),
      ...['LICENSE', 'libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'].map(
        (name) => `onnxruntime-${onnxRuntimeVersion()}/${name}`,
      ),
    ].sort(),
  );
  expect(readFileSync(join(into, 'lib/libcublas.so.13'), 'utf8')).toBe('libcublas.so.13 of nvidia_cublas-13.1.1.3');
  registry.asked.length = 0;
  const again = await run();
  expect([again.code, again.stdout.includes('Nothing is missing.'), registry.asked]).toEqual([0, true, []]);
});

test('--dry-run tells the files and their sizes, and fetches none', async () => {
  await using registry = await filled();
  await registry.listen();
  const { into, run } = setup(...registry.args, '--dry-run', '--for', 'algebra,kernels');
  const { stdout, code } = await run();
  expect(code).toBe(0);
  for (const wheel of wheels.slice(0, 5)) expect(stdout).toContain(`${wheel}, 0.0 MB`);
  expect(stdout).toContain(`5 files, 0.0 MB, into ${into}`);
  expect([existsSync(into), registry.asked.filter((path) => path.includes('/files/'))]).toEqual([false, []]);
});

test('what broke off goes on from there', async () => {
  await using registry = await filled();
  let part = '';
  const arrived = () => existsSync(part) && statSync(part).size === 100;
  await registry.listen({ breakAfter: { bytes: 100, arrived } });
  const { into, run } = setup(...registry.args, '--for', 'kernels');
  part = join(into, 'downloads', `${wheels[4]}.part`);
  const { stderr, code } = await run();
  expect(code, stderr).toBe(0);
  const fetched = registry.asked.filter((path) => path.startsWith('/files/'));
  expect(fetched).toEqual([`/files/${wheels[4]}`, `/files/${wheels[4]} bytes=100-`]);
  expect(readFileSync(join(into, 'lib/libnvrtc.so.13'), 'utf8')).toBe('libnvrtc.so.13 of nvidia_cuda_nvrtc-13.0.88');
});

test('what is not what the registry told of is not kept', async () => {
  await using registry = await filled();
  await registry.listen({ wrongChecksums: true });
  const { into, run } = setup(...registry.args, '--for', 'kernels');
  const { stderr, code } = await run();
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/has the sha256 [0-9a-f]{64}, not [0-9a-f]{64}: it was not kept/),
  ]);
  expect(treeOf(into)).toEqual([]);
});

test('without a network it tells the commands for another machine, and takes the files that come from there', async () => {
  const { into, run } = setup('--pypi', 'http://127.0.0.1:9/simple', '--for', 'kernels,models');
  const offline = await run();
  expect(offline.code).toBe(1);
  expect(offline.stderr).toContain('http://127.0.0.1:9/simple/nvidia-cuda-nvrtc/ cannot be had');
  expect(offline.stderr).toContain("pip download --no-deps --dest wheels 'nvidia-cuda-nvrtc==13.*'");
  expect(offline.stderr).toContain(`curl -L -o wheels/${provider} https://www.nuget.org/api/v2/package/`);
  expect(offline.stderr).toContain(`--into '${into}' --from wheels`);

  const brought = join(temporary, 'wheels');
  mkdirSync(brought, { recursive: true });
  const missing = await run('--from', brought);
  expect([missing.code, missing.stderr]).toEqual([
    1,
    expect.stringContaining('has no wheel nvidia_cuda_nvrtc-13.*.whl'),
  ]);
  for (const [name, library] of Object.entries(libraries)) {
    writeFileSync(join(brought, `${name}-any.whl`), await zipOf({ [`nvidia/cu13/lib/${library}`]: library }));
  }
  const files = { [`runtimes/linux-${process.arch}/native/libonnxruntime_providers_cuda.so`]: 'the provider' };
  writeFileSync(join(brought, provider), await zipOf(files));
  const { code, stderr } = await run('--from', brought);
  expect(code, stderr).toBe(0);
  expect(treeOf(into)).toContain('lib/libcudnn.so.9');
});

test('of CUDA 12 there is no provider for this ONNX Runtime, and it says so', async () => {
  const { stdout } = await runNode([
    main,
    'setup',
    'cuda',
    '--cuda',
    '12',
    '--for',
    'models',
    '--pypi',
    'http://127.0.0.1:9',
    '--dry-run',
  ]);
  expect(stdout).toContain(`there is none of version ${onnxRuntimeVersion()} for CUDA 12; models run on the CPU`);
});

test.each([
  [['setup'], 'setup takes one thing to set up: cuda'],
  [['setup', 'cuda', '--cuda', '11'], "--cuda is 12 or 13, not '11'"],
  [['setup', 'cuda', '--for', 'fun'], "--for takes algebra, kernels, models, not 'fun'"],
])('%j is refused', async (args, message) => {
  const { code, stderr } = await runNode([main, ...args]);
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
});
