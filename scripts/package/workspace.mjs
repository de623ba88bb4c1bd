// A package of packages/: what its `files` name, the root's licence beside it, and the root as a dependency: by its exact version where they have
// the same. One that goes by another's version is not published anew with each of the root's, and takes those that break nothing.
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../setup/run.mjs';
import { root, writeManifest } from './platform.mjs';

/** Gives the folder. */
export function makeWorkspacePackage(name, folder = inRoot('build', 'package', name)) {
  const source = inRoot('packages', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { scripts, devDependencies, dependencies, ...manifest } = JSON.parse(
    readFileSync(path.join(source, 'package.json'), 'utf8'),
  );
  for (const file of [...manifest.files, 'README.md'])
    cpSync(path.join(source, file), path.join(folder, file), { recursive: true });
  cpSync(inRoot('LICENSE'), path.join(folder, 'LICENSE'));
  // In a clone it is a link to the root.
  const wanted = manifest.version === root.version ? root.version : `^${root.version}`;
  writeManifest(
    folder,
    { ...manifest, dependencies: { ...dependencies, [root.name]: wanted } },
    path.join('packages', name),
  );
  return folder;
}
