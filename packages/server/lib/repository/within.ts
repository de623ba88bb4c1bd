// Files that a model's configuration names: beside the model, and nowhere else.

import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { TensorlaneError } from 'tensorlane';

/** The file that a link may lead to, within `root`. Errors: ERR_ARGUMENT, where it is not there or leads out. */
export async function fileWithin(root: string, folder: string, name: string): Promise<string> {
  const file = path.join(folder, name);
  let real: string;
  try {
    real = await realpath(file);
  } catch (cause) {
    throw new TensorlaneError('ERR_ARGUMENT', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  const within = await realpath(root);
  if (real.startsWith(within + path.sep)) return real;
  throw new TensorlaneError('ERR_ARGUMENT', `${file} leads out of ${within}`);
}

/** Wherever a link leads. Errors: ERR_ARGUMENT, where a folder is in none of `roots`. */
export async function requireWithin(roots: readonly string[], name: string, folder: string | undefined): Promise<void> {
  if (folder === undefined) return;
  // What is not there yet leads nowhere.
  const real = async (one: string) => realpath(one).catch(() => path.resolve(one));
  const place = await real(folder);
  for (const root of roots) {
    const within = await real(root);
    if (place === within || place.startsWith(within + path.sep)) return;
  }
  throw new TensorlaneError(
    'ERR_ARGUMENT',
    `${name} is not within the repository, or a folder that was configured: ${folder}`,
  );
}
