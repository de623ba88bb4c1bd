// Names the machine and the versions that a result was measured with: without them a figure means nothing.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const root = new URL('..', import.meta.url);

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()} ${process.arch}`,
    node: process.version,
  };
}

export function packageVersions(): Record<string, string> {
  const names = ['onnxruntime-node', 'piscina', 'ml-matrix', 'numpy-ts', 'tinybench'];
  const versions: Record<string, string> = { tensorlane: ownVersion() };
  for (const name of names) versions[name] = packageVersion(name);
  return versions;
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };
  try {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: root, stdio: 'pipe' }).toString().trim();
    const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ', with changes';
    return `${version} (commit ${git('rev-parse', '--short', 'HEAD')}${changed})`;
  } catch {
    return version; // Not a git checkout.
  }
}

function packageVersion(name: string): string {
  // By the package's folder: its exports may hide its package.json.
  const files = (require.resolve.paths(name) ?? []).map((folder) => join(folder, name, 'package.json'));
  const file = files.find((candidate) => existsSync(candidate));
  return file === undefined ? 'missing' : (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** The OpenBLAS library that this process has loaded; undefined if none is, or where there is no /proc. */
export function loadedOpenBlas(): string | undefined {
  let maps: string;
  try {
    maps = readFileSync('/proc/self/maps', 'utf8');
  } catch {
    return undefined;
  }
  return maps.match(/\/\S*\/[^/\s]*openblas[^/\s]*\.so\S*/)?.[0];
}

/** The version that an OpenBLAS library carries in its text, such as "0.3.21". */
export function openBlasVersion(library: string): string {
  const bytes = readFileSync(library);
  const at = bytes.indexOf('OpenBLAS 0.');
  return at < 0 ? 'unknown' : (bytes.toString('latin1', at, at + 40).match(/\d+\.\d+\.\d+/)?.[0] ?? 'unknown');
}
