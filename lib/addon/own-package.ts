// The package itself: where it lies, and which version it is.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TensorlaneError } from '../core/errors.js';

// A bundler that makes CommonJS of it leaves nothing here.
const ownFile = import.meta.url as string | undefined;
if (ownFile === undefined) throw inBundle();
const here = dirname(fileURLToPath(ownFile));

/** Looked for from below: the published package has its modules in fewer files, which lie elsewhere. */
const found = manifestAbove(here);

/** Its folder; in a bundle, that of the bundle. */
export const packageRoot = found?.folder ?? here;

/** Errors: ERR_NO_DEVICE, in a bundle. */
export function ownVersion(): string {
  if (found === undefined) throw inBundle();
  return found.version;
}

function manifestAbove(folder: string): { folder: string; version: string } | undefined {
  const file = join(folder, 'package.json');
  if (existsSync(file)) {
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version: string };
    if (name === 'tensorlane') return { folder, version };
  }
  const above = dirname(folder);
  return above === folder ? undefined : manifestAbove(above);
}

function inBundle(): TensorlaneError {
  return new TensorlaneError(
    'ERR_NO_DEVICE',
    'tensorlane was bundled, and so it cannot find its native addon: have the bundler leave tensorlane outside (esbuild: ' +
      '--external:tensorlane; webpack, Rollup, Next.js and others: see docs/install.md of tensorlane), and ship node_modules with the bundle',
  );
}
