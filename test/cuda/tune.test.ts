// `tensorlane tune` where there are GPUs: two emulated ones, whose management library says what it is told to, and a program that stands in
// for NVIDIA's control daemon of MPS. Emulated devices do not run kernels of several processes at once, so no figure of it means anything.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { readTunedFile } from '../../lib/cli/tune/file.js';
import { mpsProgram } from '../support/mps.js';
import { crossRow } from '../support/onnx-builder.js';
import { runNode } from '../support/processes.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tensorlane-tune-gpu-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const own = join(folder, `tensorlane-mps-${process.getuid!()}`);
mkdirSync(join(folder, 'bin'));
mpsProgram(join(folder, 'bin'));
// Its requests share no batches: half as many rows.
writeFileSync(join(folder, 'mixing.onnx'), crossRow());
const env = {
  TMPDIR: folder,
  PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
  CUDA_MPS_PIPE_DIRECTORY: join(folder, 'usual'),
  LD_LIBRARY_PATH: process.env.TENSORLANE_CUDA_LIBRARIES ?? '',
  EMULATION_DELAYS: '',
  EMULATION_NVML: 'busy=90,30',
};
const tune = (...args: string[]) => {
  const usual = ['mixing.onnx', '--minutes', '0.02', '--slo', '10s'];
  return runNode([main, 'tune', ...usual, ...args], { cwd: folder, env });
};

describe.skipIf(process.env.TENSORLANE_REAL_GPU)('on emulated GPUs', () => {
  test('processes by turns, under MPS and one a GPU are measured, with what the GPUs do meanwhile', async () => {
    const { code, stdout, stderr } = await tune();
    expect([code, stderr]).toEqual([0, expect.stringContaining('loads the model')]);
    for (const name of ['2 processes, one a GPU', String.raw`\d+ processes? under MPS`, 'tuned']) {
      expect(stdout).toMatch(new RegExp(`^${name} .* \\d+%, \\d\\.0 GiB$`, 'm'));
    }
    expect(stdout).toContain('The GPU is: Emulated CUDA device 0.');
    expect(stdout).not.toContain('Not measured: MPS:');
    expect(stdout).toMatch(/the GPU is at work for \d+% of the time/);

    const { measured } = await readTunedFile(join(folder, 'tuned.json'));
    const gpusOf = (name: string) =>
      measured.setups.find((setup) => setup.name === name)!.points.map(({ gpu }) => gpu!);
    // One GPU, which is at 0.9 and 0.3 by turns; and both.
    for (const { busy, usedBytes } of gpusOf('tuned')) {
      expect([busy! >= 0.3, busy! <= 0.9, usedBytes]).toEqual([true, true, 2 ** 30]);
    }
    for (const { usedBytes } of gpusOf('2 processes, one a GPU')) expect(usedBytes).toBe(2 ** 31);
    // The daemon was started for this, and has ended with it.
    expect(readFileSync(join(own, 'asked'), 'utf8')).toMatch(/quit/);
    expect((await runNode([main, 'mps', 'status'], { env })).code).toBe(1);
  });

  test('a way that cannot be measured is told of, and the others are measured; and of several GPUs the one that is named', async () => {
    mkdirSync(own, { recursive: true, mode: 0o700 });
    writeFileSync(join(own, 'broken'), '');
    const { code, stdout } = await tune('--device', 'cuda:1');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Not measured: \d+ process(es)? under MPS: nvidia-cuda-mps-control ended with 3\.$/m);
    expect(stdout).toContain('Not measured: one process a GPU: there is one GPU, or one was named.');
    expect(stdout).toMatch(/^tuned .* \d+%, 1\.0 GiB$/m);
    expect(stdout).toContain('The GPU is: Emulated CUDA device 1.');
  });
});
