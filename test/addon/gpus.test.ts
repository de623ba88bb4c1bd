// NVIDIA's management library is asked what it tells of GPUs. The library here is the emulated one, built by itself: it says what it is told to.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { GpuReading, GpuReadings } from '../../binding.js';
import { gpuLines } from '../../lib/cli/doctor/gpus.js';
import { runNode } from '../support/processes.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const addon = process.env.TENSORLANE_ADDON || join(root, 'build', 'Release', 'tensorlane.node');
const temporary = mkdtempSync(join(tmpdir(), 'tensorlane-nvml-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

/** A folder for LD_LIBRARY_PATH; without that function, where one is named. */
function library(without?: string): string {
  const folder = join(temporary, without ?? 'whole');
  mkdirSync(folder);
  const source = join(root, 'test', 'emulation', 'libraries', 'nvml.cpp');
  const left = without === undefined ? [] : [`-DWITHOUT_${without}`];
  const file = join(folder, 'libnvidia-ml.so.1');
  execFileSync('c++', ['-std=c++20', '-shared', '-fPIC', '-fvisibility=hidden', ...left, '-o', file, source]);
  return folder;
}

const describeHere = describe.runIf(process.platform === 'linux');
const whole = process.platform === 'linux' ? library() : '';

/** What is read so many times, of a library that is told so. */
async function read(told: string, { folder = whole, devices = 1, times = 1 } = {}): Promise<GpuReadings[]> {
  const script = `const { readGpus } = require(${JSON.stringify(addon)});
    console.log(JSON.stringify(Array.from({ length: ${times} }, () => readGpus())))`;
  const env = { LD_LIBRARY_PATH: folder, EMULATION_NVML: told, EMULATION_DEVICES: String(devices) };
  const { stdout, stderr } = await runNode(['-e', script], { env });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as GpuReadings[];
}

describeHere('the management library', () => {
  test('tells what several GPUs do, each time anew', async () => {
    const told = 'busy=20,80;used=2147483648;processes=2;mode=3';
    const [first, second] = await read(told, { devices: 2, times: 2 });
    const gpu = {
      memoryBytes: 16 * 2 ** 30,
      usedBytes: 2 * 2 ** 30,
      memoryBusy: 0.05,
      computeMode: 'exclusive process',
      processes: 2,
      mig: false,
      parts: [],
    };
    const names = [0, 1].map((i) => ({ name: `Emulated CUDA device ${i}`, uuid: `GPU-emulated-${i}` }));
    expect(first).toEqual({
      driver: '580.0.emulated',
      gpus: [
        { ...gpu, ...names[0], pciAddress: '0000:01:00.0', busy: 0.2 },
        { ...gpu, ...names[1], pciAddress: '0000:02:00.0', busy: 0.8 },
      ],
    });
    expect(second!.gpus.map(({ busy }) => busy)).toEqual([0.8, 0.2]);
  });

  test('tells of the parts that MIG makes, and of no utilisation then', async () => {
    const [{ gpus }] = (await read('mig=2;busy=50')) as [GpuReadings];
    const part = { name: 'Emulated CUDA device 0 MIG 1g.2gb', memoryBytes: 2 ** 31, usedBytes: 2 ** 30 };
    expect(gpus[0]).toMatchObject({
      mig: true,
      parts: [0, 1].map((i) => ({ ...part, uuid: `MIG-emulated-0-${i}` })),
    });
    expect(gpus[0]).not.toHaveProperty('busy');
  });

  test.each([
    ['fail=nvmlInit_v2:18', /^nvmlInit_v2 of libnvidia-ml\.so\.1: Driver\/library version mismatch; .*restart/],
    ['fail=nvmlInit_v2:9', /^nvmlInit_v2 of libnvidia-ml\.so\.1: Driver Not Loaded$/],
    ['fail=nvmlDeviceGetCount_v2:999', /^nvmlDeviceGetCount_v2 of libnvidia-ml\.so\.1: Unknown Error$/],
  ])('that says %s tells no GPU, and why', async (told, problem) => {
    const [found] = await read(told);
    expect(found).toMatchObject({ gpus: [], problem: expect.stringMatching(problem) });
  });

  test('leaves out what a GPU does not tell, and tells of one that is lost beside the others', async () => {
    for (const [name, ...keys] of [
      ['nvmlDeviceGetUtilizationRates', 'busy', 'memoryBusy'],
      ['nvmlDeviceGetMemoryInfo', 'memoryBytes', 'usedBytes'],
      ['nvmlDeviceGetComputeMode', 'computeMode'],
      ['nvmlDeviceGetComputeRunningProcesses_v3', 'processes'],
      ['nvmlDeviceGetPciInfo_v3', 'pciAddress'],
    ]) {
      const [before] = await read('');
      const [found] = await read(`without=${name}`);
      for (const key of keys) delete (before!.gpus[0] as unknown as Record<string, unknown>)[key];
      expect(found, name).toEqual(before);
    }
    const [{ gpus, problem }] = (await read('lost=1;busy=7', { devices: 3 })) as [GpuReadings];
    expect([gpus.map(({ busy }) => busy), problem]).toEqual([[0.07, undefined, 0.07], undefined]);
    expect(gpus[1]!.problem).toBe('nvmlDeviceGetHandleByIndex_v2 of libnvidia-ml.so.1: GPU is lost');
  });

  test('that lacks a function is another or too old; one that is only of newer ones is done without', async () => {
    const [noCount] = await read('', { folder: library('nvmlDeviceGetCount_v2') });
    expect(noCount!.problem).toMatch(/^nvmlDeviceGetCount_v2 of .* is missing: the driver is too old/);
    const [noMig] = await read('mig=1', { folder: library('nvmlDeviceGetMigMode') });
    expect(noMig!.gpus[0]).toMatchObject({ mig: false, parts: [] });
  });

  test('that is none, or that is not there, is told of', async () => {
    const [none] = await read('', { folder: temporary });
    if (none!.problem === undefined) return; // this machine has one of its own
    expect(none).toEqual({
      gpus: [],
      problem: expect.stringMatching(/management library .* cannot be loaded: .*libnvidia-ml/),
    });
  });

  test('is asked by the doctor, who says how processes share a GPU', async () => {
    const env = { TENSORLANE_ADDON: addon, LD_LIBRARY_PATH: whole, EMULATION_NVML: 'busy=37;processes=1' };
    const main = join(root, 'dist', 'cli', 'main.js');
    const { stdout } = await runNode([main, 'doctor', 'cpu'], { env });
    expect(stdout).toContain(
      '  GPU 0 (0000:01:00.0): Emulated CUDA device 0, 1.0 of 16.0 GiB in use, at work for 37% of the last second, 1 process computes\n',
    );
    expect(stdout).toContain('    processes have it by turns (time slicing); under MPS');
  });
});

test('how processes share a GPU is said by what it is told to be', () => {
  const gpu: GpuReading = { name: 'G', uuid: 'U', mig: false, parts: [], busy: 0.95, computeMode: 'default' };
  const last = (given: object, mps: number | null = null) =>
    gpuLines({ gpus: [{ ...gpu, ...given }] }, mps)
      .at(-1)!
      .trim();
  expect(last({})).toMatch(/by turns \(time slicing\): as full as it is, more of them divide the same time/);
  expect(last({ busy: 0.2 })).toMatch(/under MPS .* their kernels run at once/);
  expect(last({ busy: undefined })).toBe('processes have it by turns (time slicing)');
  expect(last({}, 4711)).toBe('the MPS daemon 4711 runs: kernels of processes that use it run at once');
  expect(last({ computeMode: 'prohibited' }, 4711)).toMatch(/no process may compute/);
  expect(last({ computeMode: 'exclusive process' })).toMatch(/one has it, and others fail to open it; under MPS/);
  expect(last({ mig: true, parts: [{ name: 'P', uuid: 'MIG-1', memoryBytes: 2 ** 31 }] })).toMatch(
    /by CUDA_VISIBLE_DEVICES=UUID: P \(MIG-1, 2\.0 GiB\)$/,
  );
  expect(last({ mig: true })).toMatch(/none is made yet$/);
  expect(last({ problem: 'GPU is lost' })).toBe('GPU 0: GPU is lost');
  expect(gpuLines({ gpus: [], problem: 'no driver' }, null)).toEqual(['  GPUs: no driver']);
});
