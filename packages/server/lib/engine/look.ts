// What there is to be served: the repository's models, the algebra, those of a folder of their own, and those that calls have brought, each
// of which stands above the ones before.

import type { ConfigReader } from '../repository/config.js';
import { type FoundVersions, type Scan, scanRepository, scanVersions, unreadableFolder } from '../repository/scan.js';
import type { Given } from './given.js';
import { linalgNames } from './linalg.js';
import { builtInFile } from './load.js';
import type { EngineSettings } from './options.js';

const builtIn: FoundVersions = new Map([[1, { file: builtInFile, fingerprint: builtInFile }]]);

/** `isServed`: whether a model has a version now. Errors: those of the file system, where the repository cannot be read. */
export async function look(
  { repository, models, linalg }: EngineSettings,
  given: ReadonlyMap<string, Given>,
  configs: ConfigReader,
  isServed: (name: string) => boolean,
): Promise<Scan> {
  const scan: Scan =
    repository === undefined ? { found: new Map(), unreadable: new Map() } : await scanRepository(repository, configs);
  const { found, unreadable } = scan;
  if (linalg) for (const name of linalgNames) found.set(name, builtIn);
  for (const [name, { folder }] of [...models, ...given]) {
    if (folder === undefined) continue;
    found.delete(name);
    unreadable.delete(name);
    try {
      found.set(name, await scanVersions(name, folder, configs));
    } catch (error) {
      // One that is not there yet is waited for.
      const isToCome = (error as NodeJS.ErrnoException).code === 'ENOENT' && !isServed(name);
      if (isToCome) found.set(name, new Map());
      else unreadable.set(name, unreadableFolder(folder, error));
    }
  }
  return scan;
}
