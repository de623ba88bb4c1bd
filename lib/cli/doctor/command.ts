// `tensorlane doctor`: what this machine is, what of tensorlane works on it and with which libraries, and what to do about the rest.

import type { Driver } from '../../addon/driver.js';
import { type Command, type CommandOptions, UsageError } from '../command.js';
import { about, type Outcome, tryOut } from './checks.js';
import { gpuLines } from './gpus.js';
import { type Machine, machine } from './machine.js';
import type { Check } from './probe.js';

/** What has to work where nothing is named. */
const usual: readonly Check[] = ['cpu', 'models'];

export const doctor: Command = {
  usage: 'doctor [cpu] [models] [cuda] [--json]',
  about:
    'Says what works here, with which versions and libraries, and what helps where something does not. Fails where what is named does not work (by default, cpu and models).',
  options: { json: { type: 'boolean', default: false } },
  async run({ json }: CommandOptions, named) {
    for (const name of named) {
      if (!Object.hasOwn(about, name))
        throw new UsageError(`doctor checks ${Object.keys(about).join(', ')}, not '${name}'`);
    }
    const asked = named.length > 0 ? (named as Check[]) : usual;
    const here = await machine();
    const outcomes: Outcome[] = [];
    // One after the other: each may take all of the machine.
    for (const check of Object.keys(about) as Check[]) outcomes.push(await tryOut(check, here.driver));
    if (json === true) console.log(JSON.stringify({ ...here, asked, checks: outcomes }, null, 2));
    else
      for (const line of [...machineLines(here), '', ...outcomes.flatMap((outcome) => lines(outcome, asked))])
        console.log(line);
    return outcomes.some(({ check, ok }) => !ok && asked.includes(check)) ? 1 : 0;
  },
};

function machineLines({
  tensorlane,
  node,
  platform,
  cpu,
  cpuLimit,
  throttled,
  memoryBytes,
  driver,
  gpus,
  mps,
  onnxruntime,
  packages,
}: Machine): string[] {
  const listed = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return [
    `tensorlane ${tensorlane} on ${platform}, Node ${node}`,
    `  CPU: ${cpu}${limitText(cpuLimit, throttled)}, ${(memoryBytes / 2 ** 30).toFixed(1)} GiB`,
    `  NVIDIA's driver: ${driver === null ? 'none' : driverText(driver)}`,
    ...(gpus === null ? [] : gpuLines(gpus, mps)),
    `  ONNX Runtime: ${onnxruntime ?? 'none'}`,
    `  packages: ${listed.join(', ') || 'none beside tensorlane'}`,
  ];
}

/** What a container lets the process have. */
export function limitText(cores: number | null, throttled: number | null): string {
  if (cores === null) return '';
  const stopped = throttled === null ? '' : `, which has stopped it in ${Math.round(100 * throttled)}% of its periods`;
  return `, its container's limit ${Number(cores.toFixed(2))}${stopped}`;
}

function driverText({ version, cuda }: Driver): string {
  const newest = cuda === null ? ', whose library is not found' : cuda === undefined ? '' : `, for CUDA up to ${cuda}`;
  return `${version ?? 'of unknown version'}${newest}`;
}

function lines({ check, ok, what, libraries, advice }: Outcome, asked: readonly Check[]): string[] {
  const state = ok ? 'works' : asked.includes(check) ? 'FAILS' : 'not  ';
  return [
    `${state}  ${check} (${about[check]}): ${what}`,
    ...libraries.map((file) => `         ${file}`),
    ...(advice === undefined ? [] : [`       -> ${advice}`]),
  ];
}
