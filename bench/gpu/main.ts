// The figures of a GPU: what tensorlane adds to the raw calls (bench/gpu/raw.cpp), what streams and overlapped copies give, how
// free the event loop stays, and which driver of the SVD is best where. Each is printed as soon as it is measured, with its
// target beside it; with --json a line of JSON each for scripts/gpu/run.mjs, so that nothing is lost if a later one fails.
//   node --expose-gc --import tsx bench/gpu/main.ts [--short] [--json]

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Device, type DeviceName, open, type Tensor } from 'tensorlane';
import { LoopDelayMeter } from '../load/event-loop.js';
import { median } from '../stats.js';

const short = process.argv.includes('--short');
const asJson = process.argv.includes('--json');
const rounds = (many: number) => (short ? Math.min(many, 3) : many);

interface Row {
  readonly name: string;
  readonly contender: string;
  readonly unit: string;
  readonly value: number;
  /** Whether less is better. */
  readonly lower: boolean;
  readonly target?: number;
}

let failures = 0;

function say(text: string, json: object): void {
  console.log(asJson ? JSON.stringify(json) : text);
}

function add(row: Row): void {
  const { name, contender, unit, value, lower, target } = row;
  const wanted = target === undefined ? '' : `${lower ? '<=' : '>='} ${target}`;
  const met = target === undefined ? '' : (lower ? value <= target : value >= target) ? 'met' : 'MISSED';
  const fields = [name.padEnd(60), contender.padEnd(12), `${value.toPrecision(4)} ${unit}`.padEnd(16), wanted, met];
  say(fields.join(' '), row);
}

const us = (name: string, contender: string, value: number) => add({ name, contender, unit: 'us', value, lower: true });

/** A figure that cannot be had is told, and leaves the others. */
async function attempt(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    failures += 1;
    const message = error instanceof Error ? error.message : String(error);
    say(`${what} FAILED: ${message}`, { failed: what, why: message });
  }
}

function random(count: number, seed = 1): Float64Array {
  const values = new Float64Array(count);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 31 - 1;
  }
  return values;
}

const f32 = (dims: number[], seed?: number): Tensor<'float32'> => ({
  type: 'float32',
  data: Float32Array.from(
    random(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ),
  ),
  dims,
});
const f64 = (dims: number[], seed?: number): Tensor<'float64'> => ({
  type: 'float64',
  data: random(
    dims.reduce((a, b) => a * b, 1),
    seed,
  ),
  dims,
});

/** The median time of an awaited operation, in microseconds. */
async function time(count: number, work: () => Promise<unknown>): Promise<number> {
  await work();
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await work();
    times.push((performance.now() - start) * 1000);
  }
  return median(times);
}

/** The calls from C++, or nothing where that program is not there. */
function rawCalls(): Record<string, number> | undefined {
  const program = fileURLToPath(new URL('../../build/cuda/bench/raw', import.meta.url));
  if (!existsSync(program)) return undefined;
  const args = short ? ['--short'] : [];
  return JSON.parse(execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
}

const touch = `extern "C" __global__ void touch(float* x, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] += 1.0f;
}
extern "C" __global__ void spin(float* x, int turns) {
  float value = x[threadIdx.x];
  for (int i = 0; i < turns; ++i) value = value * 0.999f + 0.001f;
  x[threadIdx.x] = value;
}`;

/** Of one operation, from the call in JS to the settled promise, over the same in C++. */
async function costOfOne(device: Device, raw: Record<string, number> | undefined): Promise<void> {
  const kernel = await device.kernel(touch, 'touch', ['float32[]', 'int32']);
  await using x = await device.put(f32([1024]));
  const ours = await time(rounds(2000), () => kernel.launch({ grid: 1, block: 1024 }, x, 1024));
  us('one small kernel', 'tensorlane', ours);
  if (raw?.launch === undefined) return;
  us('one small kernel', 'C++', raw.launch);
  add({
    name: 'one small kernel: added to C++',
    contender: 'tensorlane',
    unit: 'us',
    value: ours - raw.launch,
    lower: true,
    target: 40,
  });
}

/** Kernels that fill one multiprocessor each, on one stream and on four. */
async function streams(device: Device): Promise<void> {
  const kernel = await device.kernel(touch, 'spin', ['float32[]', 'int32']);
  const buffers = await Promise.all(Array.from({ length: 4 }, () => device.put(f32([256]))));
  const launches = short ? 40 : 400;
  const turns = short ? 200 : 20_000;
  const on = (count: number) => async () => {
    const held = await Promise.all(Array.from({ length: count }, () => device.streams.acquire()));
    try {
      await Promise.all(
        Array.from({ length: launches }, (_, i) => {
          const options = { grid: 1, block: 256, stream: held[i % count]! };
          return kernel.launch(options, buffers[i % count]!, turns);
        }),
      );
    } finally {
      for (const stream of held) stream.release();
    }
  };
  const ratios: number[] = [];
  for (let i = 0; i < rounds(7); i++) ratios.push((await time(1, on(1))) / (await time(1, on(4))));
  add({
    name: 'four streams of small kernels against one',
    contender: 'tensorlane',
    unit: 'x',
    value: median(ratios),
    lower: false,
    target: 2.5,
  });
  await Promise.all(buffers.map((buffer) => buffer.dispose()));
}

/** Batches from host memory to host memory, against the slower of copying and computing. */
async function pipeline(device: Device, raw: Record<string, number> | undefined): Promise<void> {
  const n = short ? 64 : 1024;
  for (const name of ['copy in host memory, 256 MiB', 'copy in host memory with helpers, 256 MiB']) {
    if (raw?.[name] !== undefined) us(name, 'C++', raw[name]);
  }
  for (const [what, inner] of [
    ['much copied', n],
    ['much computed', n * 4],
  ] as const) {
    const batch = short ? 8 : 128;
    const a = f32([batch, n, inner]);
    const b = f32([inner, n], 2);
    const whole = await time(rounds(5), () => device.linalg.matmul(a, b));
    await using left = await device.put(a);
    await using right = await device.put(b);
    const compute = await time(rounds(5), async () => {
      await (await device.linalg.matmul(left, right)).dispose();
    });
    const out = batch * n * n * 4;
    us(`pipeline, ${what}: whole`, 'tensorlane', whole);
    us(`pipeline, ${what}: computing alone`, 'tensorlane', compute);
    if (raw === undefined) continue;
    const perByte = (name: string) => (raw[name] ?? Number.NaN) / 2 ** 28;
    // Both directions at once, as the device copies.
    const copy = Math.max(a.data.byteLength * perByte('copy in, 256 MiB'), out * perByte('copy out, 256 MiB'));
    us(`pipeline, ${what}: copying alone, pinned`, 'C++', copy);
    add({
      name: `pipeline, ${what}: of the slower of copying and computing`,
      contender: 'tensorlane',
      unit: '%',
      value: (100 * Math.max(copy, compute)) / whole,
      lower: false,
      target: 90,
    });
  }
}

/** The libraries' routines through us, against the same calls from C++. */
async function libraries(device: Device, raw: Record<string, number> | undefined): Promise<void> {
  const compare = async (name: string, count: number, work: () => Promise<unknown>) => {
    const ours = await time(rounds(count), work);
    us(name, 'tensorlane', ours);
    const theirs = raw?.[name];
    if (theirs === undefined) return;
    us(name, 'C++', theirs);
    add({
      name: `${name}: speed of C++'s`,
      contender: 'tensorlane',
      unit: 'x',
      value: theirs / ours,
      lower: false,
      target: 0.97,
    });
  };
  // As in raw.cpp.
  const [svd, large] = short ? [64, 128] : [1024, 4096];
  await using product = await device.put(f32([large, large]));
  await compare(`matmul, ${large} x ${large} f32`, 15, async () => {
    await (await device.linalg.matmul(product, product)).dispose();
  });
  await using square = await device.put(f64([svd, svd]));
  await compare(`gesvd, ${svd} x ${svd} f64`, 5, async () => {
    const { u, s, vt } = await device.linalg.svd(square, { driver: 'gesvd' });
    await Promise.all([u, s, vt].map((one) => one.dispose()));
  });
  await using factored = await device.put(f64([large, large]));
  await compare(`getrf, ${large} x ${large} f64`, 7, async () => {
    await (await device.linalg.det(factored)).dispose();
  });
}

/** Each driver of the SVD where it may be best, on both sides of the sizes at which `auto` changes its choice. */
async function svdDrivers(device: Device): Promise<void> {
  const cases: [string, number[]][] = short
    ? [['8 x 8 batch', [16, 8, 8]]]
    : [
        ['10000 of 16 x 16', [10_000, 16, 16]],
        ['10000 of 32 x 32', [10_000, 32, 32]],
        ['100 of 128 x 128', [100, 128, 128]],
        ['300 of 900 x 100', [300, 900, 100]],
        ['256 x 256', [256, 256]],
        ['512 x 512', [512, 512]],
        ['1024 x 1024', [1024, 1024]],
        ['2048 x 2048', [2048, 2048]],
        ['4096 x 4096', [4096, 4096]],
      ];
  // The smallest first, of both types: where the time runs out, it is for the largest.
  for (const [what, dims] of cases) {
    for (const type of ['float32', 'float64'] as const) {
      await using a = type === 'float32' ? await device.put(f32(dims)) : await device.put(f64(dims));
      const big = dims.reduce((x, y) => x * y, 1) > 2 ** 22;
      for (const driver of ['auto', 'gesvd', 'gesvdj', 'gesvdp'] as const) {
        if (driver !== 'auto' && dims[0]! >= 10_000 && driver !== 'gesvdj') continue; // a loop of ten thousand calls
        const once = async () => {
          const { u, s, vt } = await device.linalg.svd(a, { driver });
          await Promise.all([u, s, vt].map((one) => one.dispose()));
        };
        await attempt(`svd ${type}, ${what}, ${driver}`, async () =>
          us(`svd ${type}, ${what}`, driver, await time(rounds(big ? 1 : 3), once)),
        );
      }
    }
  }
}

/** The event loop's delay while the GPU has all that it can do. */
async function saturated(device: Device): Promise<void> {
  await using a = await device.put(f32(short ? [64, 64] : [2048, 2048]));
  const meter = new LoopDelayMeter();
  const end = performance.now() + (short ? 300 : 5000);
  const caller = async () => {
    while (performance.now() < end) await (await device.linalg.matmul(a, a)).dispose();
  };
  const callers = Array.from({ length: 64 }, caller);
  meter.start();
  await Promise.all(callers);
  const { p99 } = meter.stop();
  add({
    name: 'event-loop delay p99, 64 callers of matmul',
    contender: 'tensorlane',
    unit: 'ms',
    value: p99,
    lower: true,
    target: 3,
  });
}

const name = (process.env.TENSORLANE_TEST_DEVICE ?? 'cuda') as DeviceName;
let raw: Record<string, number> | undefined;
if (name !== 'cpu')
  await attempt('the calls from C++', async () => {
    raw = rawCalls();
  });
const device = await open({ device: name, streams: 4 });
const { info } = device;
say(`${info.name}, ${info.library}, driver ${info.driver}, runtime ${info.runtime}`, { device: info });
if (info.kind === 'cuda') {
  await attempt('one small kernel', () => costOfOne(device, raw));
  await attempt('four streams of small kernels', () => streams(device));
  await attempt('the libraries', () => libraries(device, raw));
}
await attempt('the pipeline', () => pipeline(device, raw));
await attempt('the event loop', () => saturated(device));
// Last, because it takes the longest.
if (info.kind === 'cuda') await svdDrivers(device);
await device.dispose();
process.exitCode = failures > 0 ? 1 : 0;
