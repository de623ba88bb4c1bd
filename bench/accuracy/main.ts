// npm run accuracy [-- --write]: the errors of device.linalg on matrices that are hard to compute with, beside numpy's on the same ones, as
// accuracy.py judges them in more digits than either has. --write puts them into docs/accuracy.md. Nothing is timed, so it may run beside
// anything. Where python3, or what TENSORLANE_PYTHON names, has no numpy, this says so and is skipped.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Device, type FloatTensor, open, tensor } from 'tensorlane';
import { OWN_KERNELS } from '../peers/numpy-linalg.js';
import { drawValues } from './chart.js';
import { type Case, type Errors, filledPage, type Told, worst } from './page.js';

/** What LAPACK's own tests allow, in the same units. */
const ALLOWED = 30;

const python = process.env.TENSORLANE_PYTHON ?? 'python3';
const script = fileURLToPath(new URL('accuracy.py', import.meta.url));
// Both take the kernels that their BLAS has for this processor.
const env = { ...process.env, ...OWN_KERNELS };
for (const name of Object.keys(OWN_KERNELS)) delete process.env[name];

const asked = spawnSync(python, ['-c', 'import numpy; print(numpy.__version__)'], { encoding: 'utf8', env });
if (asked.status !== 0) {
  console.log(`skipped: ${python} has no numpy`);
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'tensorlane-accuracy-'));
try {
  ask('make');
  const cases = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as Case[];
  const device = await open('cpu');
  for (const one of cases) {
    const results = await compute(device, one);
    for (const [i, { data }] of results.entries()) writeFileSync(join(folder, `${one.name}.${i}`), data);
  }
  const { library = 'an unknown BLAS' } = device.info;
  await device.dispose();
  const told = ask('judge')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Told);
  const versions = `numpy ${asked.stdout.trim()}; tensorlane with ${library}`;
  report(told, versions);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function ask(what: 'make' | 'judge'): string {
  const { stdout, stderr, status } = spawnSync(python, [script, what, folder], { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${python} ${script} ${what} ended with ${status}: ${stderr}`);
  return stdout;
}

function read({ type }: Case, file: string, dims: readonly number[]): FloatTensor {
  const { buffer } = new Uint8Array(readFileSync(join(folder, file)));
  return tensor(type === 'float32' ? new Float32Array(buffer) : new Float64Array(buffer), dims) as FloatTensor;
}

/** In the order of numpy's results. */
async function compute({ linalg }: Device, one: Case): Promise<FloatTensor[]> {
  const a = read(one, `${one.name}.a`, one.dims);
  const sides = one.sides === null ? a : read(one, `${one.name}.b`, one.sides);
  switch (one.operation) {
    case 'svd': {
      const { u, s, vt } = await linalg.svd(a, { mode: 'thin' });
      return [u, s, vt];
    }
    case 'eigh': {
      const { eigenvalues, eigenvectors } = await linalg.eigh(a);
      return [eigenvalues, eigenvectors];
    }
    case 'qr': {
      const { q, r } = await linalg.qr(a);
      return [q, r];
    }
    case 'lstsq':
      return [(await linalg.lstsq(a, sides)).x];
    case 'solve':
      return [await linalg.solve(a, sides)];
    default:
      return [await linalg[one.operation](a)];
  }
}

function report(told: readonly Told[], versions: string): void {
  console.log(versions);
  for (const {
    case: { name },
    tensorlane,
    numpy,
  } of told) {
    const shown = Object.keys(tensorlane).map(
      (measure) => `${measure} ${show(tensorlane, measure)} (${show(numpy, measure)})`,
    );
    console.log(`${name}: ${shown.join(', ')}`);
  }
  if (process.argv.includes('--write')) {
    const page = fileURLToPath(new URL('../../docs/accuracy.md', import.meta.url));
    writeFileSync(page, filledPage(readFileSync(page, 'utf8'), told, versions));
    writeFileSync(fileURLToPath(new URL('../../docs/accuracy.svg', import.meta.url)), `${drawValues(told)}\n`);
  }
  const most = worst(told.map(({ tensorlane }) => tensorlane));
  console.log(`the largest error is ${most.toPrecision(2)} units (LAPACK's tests allow ${ALLOWED})`);
  if (!(most <= ALLOWED)) process.exitCode = 1;
}

function show(errors: Errors, measure: string): string {
  return (errors[measure] ?? Number.NaN).toPrecision(2);
}
