// The command `tensorlane doctor`, run as a user runs it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { limitText } from '../../lib/cli/doctor/command.js';
import { kernelsAdvice, processorFlags } from '../../lib/cli/doctor/kernels.js';
import { runNode } from '../support/processes.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'tensorlane-doctor-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

interface Report {
  tensorlane: string;
  platform: string;
  asked: string[];
  checks: { check: string; ok: boolean; what: string; libraries: string[]; advice?: string }[];
}

async function doctor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { code, stdout, stderr } = await runNode([main, 'doctor', '--json', ...args], { env });
  expect(stderr).toBe('');
  return { code, report: JSON.parse(stdout) as Report };
}

test('what works is told with the libraries that did it', async () => {
  const { code, report } = await doctor([]);
  expect([code, report.asked]).toEqual([0, ['cpu', 'models']]);
  expect(report.platform).toContain(`${process.platform}-${process.arch}`);
  const [cpu, models] = report.checks;
  expect(cpu).toMatchObject({ check: 'cpu', ok: true, what: expect.stringContaining('OpenBLAS') });
  expect(cpu!.libraries.join()).toMatch(/tensorlane[^/]*\.node/);
  expect(models).toMatchObject({ check: 'models', ok: true });
  expect(models!.libraries.join()).toContain('libonnxruntime');
});

test('a runtime whose report names no libraries, as that of Deno, is no fault', async () => {
  const quiet = join(temporary, 'quiet.cjs');
  writeFileSync(
    quiet,
    `const { getReport } = process.report; process.report.getReport = () => ({ header: getReport().header });`,
  );
  const { code, report } = await doctor(['cpu'], { NODE_OPTIONS: `--require ${quiet}` });
  expect(code, report.checks[0]?.what).toBe(0);
  if (process.platform === 'linux') expect(report.checks[0]!.libraries.join()).toMatch(/tensorlane[^/]*\.node/);
});

test('OpenBLAS that does not know the processor is told of, with what to do', async () => {
  const flags = (...names: string[]) => new Set(names);
  const library = (core: string) => `OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY ${core} MAX_THREADS=64`;
  expect(kernelsAdvice(library('Prescott'), flags('sse2', 'avx2'))).toContain('OPENBLAS_CORETYPE=Haswell');
  expect(kernelsAdvice(library('Nehalem'), flags('avx2', 'avx512dq', 'avx512vl'))).toContain('=SkylakeX');
  for (const core of ['Haswell', 'Zen', 'SkylakeX', 'Sapphirerapids', 'neoversen1'])
    expect(kernelsAdvice(library(core), flags('avx2', 'avx512dq', 'avx512vl'))).toBe(undefined);
  expect(kernelsAdvice(library('Prescott'), flags('sse2'))).toBe(undefined);
  if (!processorFlags().has('avx2')) return;
  const { report } = await doctor([], { OPENBLAS_CORETYPE: 'Prescott' });
  expect(report.checks[0]).toMatchObject({ ok: true, advice: expect.stringContaining('for Prescott') });
});

test('a container’s limit is told with what it has cost', () => {
  expect(limitText(null, null)).toBe('');
  expect(limitText(1.5, null)).toBe(", its container's limit 1.5");
  expect(limitText(0.5, 0.254)).toBe(", its container's limit 0.5, which has stopped it in 25% of its periods");
});

test('people are told the same in words', async () => {
  const { code, stdout } = await runNode([main, 'doctor']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^tensorlane \d+\.\d+\.\d+ on /);
  expect(stdout).toContain('works  cpu (linear algebra on the CPU): ');
  expect(stdout).toContain('works  models (models on the CPU): ');
});

test('what was asked for and does not work fails, with the reason; what was not asked for does not', async () => {
  const file = join(temporary, 'no-library.so');
  writeFileSync(file, 'this is no library');
  const env = { TENSORLANE_ONNXRUNTIME: file };
  const all = await doctor([], env);
  expect(all.code).toBe(1);
  expect(all.report.checks[1]).toMatchObject({
    check: 'models',
    ok: false,
    what: expect.stringContaining('no-library.so'),
  });
  const { code, report } = await doctor(['cpu'], env);
  expect([code, report.checks[0]!.ok, report.checks[1]!.ok]).toEqual([0, true, false]);
});

test('an addon that cannot be loaded is told of, and does not take the doctor down', async () => {
  const addon = join(temporary, 'tensorlane.node');
  writeFileSync(addon, 'this is no addon');
  const { code, report } = await doctor([], { TENSORLANE_ADDON: addon });
  expect(code).toBe(1);
  expect(report.checks[0]).toMatchObject({ ok: false, what: expect.stringContaining(`${addon} (TENSORLANE_ADDON)`) });
});

test('nor does one that ends the process', async () => {
  const script = join(temporary, 'crash.cjs');
  writeFileSync(script, "if (process.argv[1].endsWith('probe.js') && process.argv[2] === 'models') process.abort();");
  const { code, report } = await doctor([], { NODE_OPTIONS: `--require ${script}` });
  expect(code).toBe(1);
  expect(report.checks.map(({ ok }) => ok).slice(0, 2)).toEqual([true, false]);
  expect(report.checks[1]!.what).toBe('the process that tried it ended by SIGABRT');
});

test('a GPU that there is not is advised on', async () => {
  const { code, report } = await doctor(['cuda']);
  const cuda = report.checks[2]!;
  // On a machine that has one, all is well.
  expect([code, cuda.ok]).toEqual(cuda.ok ? [0, true] : [1, false]);
  if (!cuda.ok) expect(cuda.advice ?? '').toMatch(/driver|setup cuda|npm install|docker/);
});

test('what it cannot check is refused', async () => {
  const { code, stderr } = await runNode([main, 'doctor', 'gpu']);
  expect([code, stderr]).toEqual([2, expect.stringContaining("doctor checks cpu, models, cuda, not 'gpu'")]);
});
