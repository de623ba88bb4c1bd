// The package itself: where it lies, and which version it is. In a bundle of somebody's it lies nowhere, which is said.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TensorlaneError } from '../core/errors.js';

// A bundler that makes CommonJS of it leaves nothing here.
const ownFile = import.meta.url as string | undefined;
if (ownFile === undefined) throw inBundle();

/** Its folder. Looked for from below: the published package has its modules in fewer files, which lie less deep. */
export const packageRoot = folderOf(dirname(fileURLToPath(ownFile)));

/** Errors: ERR_NO_DEVICE, in a bundle. */
export function ownVersion(): string {
  const file = join(packageRoot, 'package.json');
  const manifest = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const { name, version } = manifest as { name?: string; version: string };
  if (name !== 'tensorlane') throw inBundle();
  return version;
}

function folderOf(inside: string): string {
  const above = dirname(inside);
  return above === inside || existsSync(join(inside, 'package.json')) ? inside : folderOf(above);
}

function inBundle(): TensorlaneError {
  return new TensorlaneError(
    'ERR_NO_DEVICE',
    'tensorlane was bundled, and so it cannot find its native addon: have the bundler leave tensorlane outside (esbuild: ' +
      '--external:tensorlane; webpack, Rollup, Next.js and others: see docs/install.md of tensorlane), and ship node_modules with the bundle',
  );
}
