// The models of a folder: NAME.onnx, NAME/model.onnx, or NAME/VERSION/model.onnx, of which the highest version counts; model.mjs is one in JS.
// Unlike @tensorlane/server's scan, which watches versions come and go, it is read once, as the worker starts.

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
    `--models: '${folder}' has no models; they are NAME.onnx, NAME/model.onnx or NAME/VERSION/model.onnx, or model.mjs`,
  );
}

function newestIn(folder: string): string | undefined {
  const versions = readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .sort((a, b) => Number(b) - Number(a));
  for (const version of versions) {
    const found = modelIn(join(folder, version));
    if (found !== undefined) return found;
  }
  return modelIn(folder);
}

function modelIn(folder: string): string | undefined {
  return ['model.onnx', 'model.mjs'].map((name) => join(folder, name)).find((file) => existsSync(file));
}
