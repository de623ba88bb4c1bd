// Where the loader or the addon would find a library.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setupFolder } from '../../addon/cuda-provider.js';
import type { CudaMajor } from '../../addon/driver.js';
import type { Component } from './components.js';

/** The folders where the addon looks for a library of CUDA's, beside those of the loader. */
export function libraryFolders(major: CudaMajor, { package: pip }: Component): readonly string[] {
  const { TENSORLANE_CUDA_LIBRARIES, LD_LIBRARY_PATH, CUDA_HOME, CUDA_PATH } = process.env;
  const listed = [TENSORLANE_CUDA_LIBRARIES, LD_LIBRARY_PATH].flatMap((list) => list?.split(':') ?? []);
  const local = existsSync('/usr/local') ? readdirSync('/usr/local') : [];
  const installed = local.filter((name) => name === 'cuda' || name.startsWith(`cuda-${major}`));
  const toolkits = [CUDA_HOME, CUDA_PATH, ...installed.map((name) => join('/usr/local', name))];
  // pip's packages of CUDA 12, and cuDNN's, have a folder each.
  const own = pip.replace(/^nvidia-|-cu\d+$/g, '').replaceAll('-', '_');
  const wheels = pythonFolders().flatMap((site) =>
    [own, `cu${major}`].map((name) => join(site, 'nvidia', name, 'lib')),
  );
  return [
    ...listed,
    join(setupFolder(major), 'lib'),
    ...toolkits.flatMap((toolkit) => (toolkit ? toolkitFolders.map((folder) => join(toolkit, folder)) : [])),
    ...wheels,
  ].filter((folder) => folder !== '');
}

const toolkitFolders = ['lib64', 'lib', 'targets/x86_64-linux/lib', 'targets/sbsa-linux/lib'];

/** The file of a library in the folders, or that the loader finds by itself where it may; undefined where there is none. */
export function findLibrary(soname: string, folders: readonly string[], byLoader = true): string | undefined {
  const inFolder = folders.map((folder) => join(folder, soname)).find((file) => existsSync(file));
  return inFolder ?? (byLoader ? loaderCache().get(soname) : undefined);
}

let cache: ReadonlyMap<string, string> | undefined;

/** What the loader finds by name alone. */
function loaderCache(): ReadonlyMap<string, string> {
  if (cache !== undefined) return cache;
  const lines = ['ldconfig', '/sbin/ldconfig']
    .map((command) => spawnSync(command, ['-p'], { encoding: 'utf8' }).stdout ?? '')
    .find((output) => output !== '');
  const entries = (lines ?? '').matchAll(/^\s*(\S+) \(.*\) => (\S+)$/gm);
  cache = new Map(Array.from(entries, ([, soname, file]) => [soname!, file!] as const).reverse());
  return cache;
}

let sites: readonly string[] | undefined;

/** Where python3 has its packages. */
function pythonFolders(): readonly string[] {
  const question = "import site; print('\\n'.join(site.getsitepackages() + [site.getusersitepackages()]))";
  sites ??= (spawnSync('python3', ['-c', question], { encoding: 'utf8', timeout: 5000 }).stdout ?? '')
    .split('\n')
    .filter((line) => line !== '');
  return sites;
}
