// npm run bench:drivers [-- --write] [-- --short]: which routine of the singular value decomposition is the quickest for which matrices, on
// this machine. --write puts it into native/device/driver_table.h, from which `driver: 'auto'` chooses: build again then. Where there is no GPU
// what that table says of GPUs stays as it is, as does what it says of instruction sets that this processor has not. --short takes few
// rounds and sizes: it shows that all of it works, and its figures are good for nothing.
//
// What is compared takes turns, and of each the least of all rounds counts: whatever else runs can only add to it.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Device, DeviceTensor, type FloatType, listDevices, open, type SvdDriver, tensor } from 'tensorlane';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { machine, packageVersions } from '../machine.js';
import { filledTable, firstGain, lastGain, type Measured, type Ratio } from './table.js';

const { values } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    kernels: { type: 'string' },
  },
});
const { short } = values;
const TABLE = fileURLToPath(new URL('../../native/device/driver_table.h', import.meta.url));
const TYPES = ['float32', 'float64'] as const;
const NAMES = { float32: 'Float32', float64: 'Float64' };
const SETS = { avx512: 'Avx512', avx2: 'Avx2', plain: 'Plain' };

if (values.kernels !== undefined) {
  console.log(JSON.stringify(await withDevice('cpu', jacobiLimits)));
} else {
  const measured = [await onCpu()];
  const devices = await listDevices();
  if (devices.some(({ kind, name }) => kind === 'cuda' && !name.startsWith('Emulated'))) measured.push(await onCuda());
  else console.log('no GPU: what the table says of GPUs stays as it is');
  for (const { part, by, constants } of measured) {
    console.log(`${part}: ${by}`);
    for (const [name, value] of Object.entries(constants)) console.log(`  ${name} = ${value}`);
  }
  if (values.write) writeFileSync(TABLE, measured.reduce(filledTable, readFileSync(TABLE, 'utf8')));
}

async function withDevice<R>(name: 'cpu' | 'cuda', use: (device: Device) => Promise<R>): Promise<R> {
  const device = await open(name);
  try {
    return await use(device);
  } finally {
    await device.dispose();
  }
}

/** Who measured, with what. */
function provenance(device: Device, of: string): string {
  const { cpu, cores } = machine();
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${of === 'CPU' ? `${cores} cores of ${cpu}` : device.info.name}, ${device.info.library}; tensorlane ${packageVersions().tensorlane}${short ? '; SHORT' : ''}`;
}

async function onCpu(): Promise<Measured> {
  const constants: Record<string, number> = {};
  for (const [set, name] of Object.entries(SETS)) {
    const limits = limitsOf(set);
    for (const type of TYPES) if (limits !== undefined) constants[`kJacobi${name}${NAMES[type]}`] = limits[type];
  }
  return withDevice('cpu', async (device) => {
    Object.assign(constants, await transposedLimits(device));
    return { part: 'CPU', by: provenance(device, 'CPU'), constants };
  });
}

/** Of an instruction set, by a process that takes it; undefined where this processor has not got it. */
function limitsOf(set: string): Record<FloatType, number> | undefined {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), '--kernels', set, ...(short ? ['--short'] : [])];
  const env = { ...process.env, TENSORLANE_CPU_KERNELS: set };
  try {
    return JSON.parse(
      execFileSync(process.execPath, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
    );
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    if (!stderr.includes('TENSORLANE_CPU_KERNELS is')) throw error;
    console.log(`this processor has no ${set}`);
    return undefined;
  }
}

/** Up to which size of square matrices the rotations of our own are quicker than LAPACK. */
async function jacobiLimits(device: Device): Promise<Record<FloatType, number>> {
  const found: Partial<Record<FloatType, number>> = {};
  for (const type of TYPES) {
    const ratios: Ratio[] = [];
    for (const n of short ? [4, 32] : [4, 8, 12, 16, 20, 24, 28, 32]) {
      const [gesdd, jacobi] = await least(device, type, [Math.ceil(10_000 / n ** 2), n, n], ['gesdd', 'jacobi']);
      ratios.push({ size: n, ratio: gesdd! / jacobi! });
    }
    report(`${process.env.TENSORLANE_CPU_KERNELS} ${type}, jacobi beside gesdd, n`, ratios);
    found[type] = lastGain(ratios);
  }
  return found as Record<FloatType, number>;
}

/** From which shape on a tall matrix is best transposed: the least ratio of its sides, and the fewest elements at twice that. */
async function transposedLimits(device: Device): Promise<Record<string, number>> {
  const gain = async (m: number, n: number) => {
    const [gesdd, transposed] = await least(device, 'float64', [m, n], ['gesdd', 'gesddTransposed']);
    return gesdd! / transposed!;
  };
  const bySides: Ratio[] = [];
  const many = short ? 100_000 : 2_000_000;
  for (const size of short ? [4, 16] : [2, 4, 8, 16, 32, 64]) {
    const n = Math.round(Math.sqrt(many / size));
    bySides.push({ size, ratio: await gain(size * n, n) });
  }
  report(`float64, transposed beside as it lies, ${many} elements, rows a column`, bySides);
  const ratio = firstGain(bySides) ?? 1_000_000;
  const byElements: Ratio[] = [];
  for (const size of short ? [20_000, 80_000] : [50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000]) {
    const n = Math.round(Math.sqrt(size / (2 * Math.min(ratio, 32))));
    byElements.push({ size, ratio: await gain(Math.round(size / n), n) });
  }
  report('float64, transposed beside as it lies, elements', byElements);
  return { kTransposedRatio: ratio, kTransposedElements: firstGain(byElements) ?? 1_000_000_000 };
}

/** Up to which size gesvdj is quicker than what is taken beyond it. */
async function onCuda(): Promise<Measured> {
  return withDevice('cuda', async (device) => {
    const constants: Record<string, number> = {};
    for (const type of TYPES) {
      const ratios: Ratio[] = [];
      for (const n of short ? [64] : [64, 128, 256, 512, 1024, 2048]) {
        const [jacobi, ...others] = await least(device, type, [n, n], ['gesvdj', 'gesvd', 'gesvdp']);
        ratios.push({ size: n, ratio: Math.min(...others) / jacobi! });
      }
      report(`${type}, gesvdj beside gesvd and gesvdp, n`, ratios);
      constants[`kGesvdj${NAMES[type]}`] = lastGain(ratios);
    }
    return { part: 'CUDA', by: provenance(device, 'CUDA'), constants };
  });
}

/** The least seconds that each driver took, in rounds in which they take turns. */
async function least(
  device: Device,
  type: FloatType,
  dims: number[],
  drivers: readonly SvdDriver[],
): Promise<number[]> {
  const numbers = randomFloats(
    dims.reduce((a, b) => a * b, 1),
    1,
  );
  const host = tensor(type === 'float32' ? Float32Array.from(numbers) : Float64Array.from(numbers), dims);
  const a = device.info.kind === 'cuda' ? await device.put(host) : host;
  const found = drivers.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < (short ? 2 : 5); round++) {
    for (const [i, driver] of drivers.entries()) {
      const start = performance.now();
      const results = await device.linalg.svd(a, { driver });
      if (results.s instanceof DeviceTensor) await results.s.get();
      found[i] = Math.min(found[i]!, (performance.now() - start) / 1000);
      for (const one of Object.values(results)) if (one instanceof DeviceTensor) await one.dispose();
    }
  }
  if (a instanceof DeviceTensor) await a.dispose();
  return found;
}

function report(what: string, ratios: readonly Ratio[]): void {
  console.error(`${what}: ${ratios.map(({ size, ratio }) => `${size} ${ratio.toFixed(2)}x`).join(', ')}`);
}
