// Takes the libraries out of a wheel or a NuGet package, both of which are zip files.

import { createWriteStream, mkdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openPromise } from 'yauzl';

/** Where a file of the package goes, below the folder; undefined where it is not wanted. */
export type Place = (path: string) => string | undefined;

/** Of NVIDIA's wheels: libraries, the headers that NVRTC wants, and the terms. */
export function placeOfWheel(path: string): string | undefined {
  const parts = path.split('/');
  if (parts[0] === 'nvidia' && /\.so(\.\d+)*$/.test(path) && parts.includes('lib')) return join('lib', basename(path));
  const include = parts.indexOf('include');
  if (parts[0] === 'nvidia' && include > 0) return join('include', ...parts.slice(include + 1));
  if (/^[^/]+\.dist-info\/(licenses\/)?license/i.test(path)) {
    return join('licenses', `${parts[0]!.split('-')[0]}.txt`);
  }
  return undefined;
}

/** Gives what it wrote, below `folder`. Each file is there as a whole or not at all. Errors: those of the file system and of the zip. */
export async function unpack(archive: string, folder: string, place: Place): Promise<string[]> {
  const zip = await openPromise(archive);
  const written: string[] = [];
  for await (const entry of zip.eachEntry()) {
    const where = entry.fileName.endsWith('/') ? undefined : place(entry.fileName);
    if (where === undefined) continue;
    const file = join(folder, where);
    mkdirSync(dirname(file), { recursive: true });
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(`${file}.new`, { mode: 0o755 }));
    renameSync(`${file}.new`, file);
    written.push(where);
  }
  return written;
}
