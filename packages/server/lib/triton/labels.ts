// The labels of classes: a file beside the model, one a line.

import { readFile } from 'node:fs/promises';
import { wrongOption } from '../core/options.js';
import type { FoundConfig } from '../repository/config.js';
import { fileWithin } from '../repository/within.js';

/** More than any model has classes. */
const mostBytes = 16 * 2 ** 20;

/** By output. Errors: ERR_ARGUMENT. */
export async function readLabels({ config, folder, root }: FoundConfig): Promise<Map<string, readonly string[]>> {
  const labels = new Map<string, readonly string[]>();
  for (const { name, label_filename: file } of config.output) {
    if (file === '') continue;
    const bytes = await readFile(await fileWithin(root, folder, file));
    if (bytes.length > mostBytes) throw wrongOption(`${file} has more than ${mostBytes} bytes`);
    labels.set(
      name,
      bytes
        .toString('utf8')
        .replace(/\r?\n$/, '')
        .split(/\r?\n/),
    );
  }
  return labels;
}
