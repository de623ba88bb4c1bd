// The package itself: where it lies, and which version it is.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Its folder. Looked for from below: the published package has its modules in fewer files, which lie less deep. */
export const packageRoot = folderOf(dirname(fileURLToPath(import.meta.url)));

export function ownVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version;
}

function folderOf(inside: string): string {
  return existsSync(join(inside, 'package.json')) ? inside : folderOf(dirname(inside));
}
