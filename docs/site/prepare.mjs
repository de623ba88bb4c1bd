// Copies the pages of the repository below this folder, where the site's own packages are found; their links hold there as well.

import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = fileURLToPath(new URL('pages/', import.meta.url));

rmSync(pages, { recursive: true, force: true });
for (const folder of ['', 'docs', 'examples']) {
  mkdirSync(join(pages, folder), { recursive: true });
  for (const name of readdirSync(join(root, folder))) {
    if (/\.(md|png|svg)$/.test(name)) cpSync(join(root, folder, name), join(pages, folder, name));
  }
}
