// The GPUs in words: what they are, what is in use of them, and how processes share them, in this machine's own numbers.

import type { GpuReading, GpuReadings } from '../../../binding.js';

/** From here on, more processes would only divide the same time. */
const full = 0.9;

/** `mps`: the control daemon that runs, by its pid. */
export function gpuLines({ gpus, problem }: GpuReadings, mps: number | null): string[] {
  const lines = gpus.flatMap((gpu, index) => [
    `  GPU ${index}${gpu.pciAddress === undefined ? '' : ` (${gpu.pciAddress})`}: ${about(gpu)}`,
    ...(gpu.problem === undefined ? [`    ${sharing(gpu, mps)}`] : []),
  ]);
  return problem === undefined ? lines : [...lines, `  GPUs: ${problem}`];
}

function about({ name, problem, memoryBytes, usedBytes, busy, processes }: GpuReading): string {
  if (problem !== undefined) return problem;
  const facts = [name];
  if (memoryBytes !== undefined) facts.push(`${gibibytes(usedBytes!)} of ${gibibytes(memoryBytes)} GiB in use`);
  if (busy !== undefined) facts.push(`at work for ${percent(busy)} of the last second`);
  if (processes !== undefined) facts.push(processes === 1 ? '1 process computes' : `${processes} processes compute`);
  return facts.join(', ');
}

function sharing({ mig, parts, computeMode, busy }: GpuReading, mps: number | null): string {
  if (mig) {
    const each = parts.map(({ name, uuid, memoryBytes }) => {
      const size = memoryBytes === undefined ? '' : `, ${gibibytes(memoryBytes)} GiB`;
      return `${name} (${uuid}${size})`;
    });
    return `MIG has parted it, so it tells no utilisation; a process has one part, by CUDA_VISIBLE_DEVICES=UUID: ${each.join(', ') || 'none is made yet'}`;
  }
  if (computeMode === 'prohibited') return 'its compute mode is prohibited: no process may compute on it';
  if (mps !== null) return `the MPS daemon ${mps} runs: kernels of processes that use it run at once`;
  if (computeMode?.startsWith('exclusive') === true) {
    return `its compute mode is ${computeMode}: one has it, and others fail to open it; under MPS (npx tensorlane mps start) several share it`;
  }
  const turns = 'processes have it by turns (time slicing)';
  if (busy === undefined) return turns;
  return busy >= full
    ? `${turns}: as full as it is, more of them divide the same time`
    : `${turns}; under MPS (npx tensorlane mps start) their kernels run at once, for which there is room where it is not full`;
}

const gibibytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
const percent = (share: number) => `${Math.round(100 * share)}%`;
