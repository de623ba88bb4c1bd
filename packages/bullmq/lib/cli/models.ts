// The models of a folder: NAME.onnx, NAME/model.onnx, or NAME/VERSION/model.onnx, of which the highest version counts.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TensorlaneError } from 'tensorlane';

/** Paths by the models' names. Errors: ERR_ARGUMENT, where there is none. */
export function findModels(folder: string): Record<string, string> {
  if (!existsSync(folder)) throw new TensorlaneError('ERR_ARGUMENT', `--models: there is no folder '${folder}'`);
  const models: Record<string, string> = {};
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.name.endsWith('.onnx') && !entry.isDirectory()) models[entry.name.slice(0, -'.onnx'.length)] = path;
    else if (entry.isDirectory()) {
      const found = newestIn(path);
      if (found !== undefined) models[entry.name] = found;
    }
  }
  if (Object.keys(models).length > 0) return models;
  throw new TensorlaneError(
    'ERR_ARGUMENT',
    `--models: '${folder}' has no models; they are NAME.onnx, NAME/model.onnx or NAME/VERSION/model.onnx`,
  );
}

function newestIn(folder: string): string | undefined {
  const versions = readdirSync(folder)
    .filter((name) => /^\d+$/.test(name) && existsSync(join(folder, name, 'model.onnx')))
    .sort((a, b) => Number(b) - Number(a));
  if (versions[0] !== undefined) return join(folder, versions[0], 'model.onnx');
  const only = join(folder, 'model.onnx');
  return existsSync(only) ? only : undefined;
}
