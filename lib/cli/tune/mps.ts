// Processes under NVIDIA's multi-process service, for as long as they are measured.
//
// The rules it keeps: a daemon that somebody else started is neither used nor touched; one that runs already stays; one that was started for this ends with it.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { folders, MpsControl, ownFolder, program } from '../mps/control.js';

/** For the daemon to start, and to end when its clients have. */
const graceMillis = 30_000;

/** Why nothing can be measured under it; undefined where it can. */
export function noMps(): string | undefined {
  if (process.platform !== 'linux') return "NVIDIA's multi-process service is for Linux";
  const asked = process.env.CUDA_MPS_PIPE_DIRECTORY;
  for (const folder of folders(undefined)) {
    const daemon = new MpsControl(folder).daemon();
    if (daemon !== undefined && (folder !== ownFolder || asked === ownFolder))
      return `a daemon runs that all processes here use (${daemon.pid}, ${folder}), so every row is measured under it`;
  }
  const found = (process.env.PATH ?? '').split(delimiter).some((path) => existsSync(join(path, program)));
  return found ? undefined : `${program} is not on PATH; it comes with NVIDIA's driver for Linux`;
}

/** Gives the environment of processes that use it. Errors: those of the daemon, and of the work. */
export async function underMps<T>(work: (env: NodeJS.ProcessEnv) => Promise<T>): Promise<T> {
  const control = new MpsControl(ownFolder);
  const runs = control.daemon() !== undefined;
  const daemon = runs ? undefined : await control.start(graceMillis);
  try {
    return await work({ CUDA_MPS_PIPE_DIRECTORY: control.folder });
  } finally {
    if (daemon !== undefined) await control.stop(daemon, graceMillis);
  }
}
