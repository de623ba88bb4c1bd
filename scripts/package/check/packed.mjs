// The packages that there are to be checked, in build/packages.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../../setup/run.mjs';
import { Skipped } from './skipped.mjs';

const tarballs = inRoot('build', 'packages');

function find(name) {
  const prefix = `${name === 'tensorlane' ? name : `tensorlane-${name}`}-`;
  const isIts = (file) => file.startsWith(prefix) && /^\d[^-]*\.tgz$/.test(file.slice(prefix.length));
  return existsSync(tarballs) ? readdirSync(tarballs).find(isIts) : undefined;
}

export const isPacked = (name) => find(name) !== undefined;

/** The tarball of a package, by its name without the scope. Throws Skipped where it was not made. */
export function tarballOf(name) {
  const file = find(name);
  if (file === undefined) throw new Skipped(`it is not packed: npm run package -- ${name}`);
  return path.join(tarballs, file);
}
