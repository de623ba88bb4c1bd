// Where ONNX Runtime's shared library is: named by the user, in the package that brought the addon, or inside the package
// onnxruntime-node where that is installed beside.

import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TensorlaneError } from '../core/errors.js';
import { installed, platformPackage } from './choose.js';

const libraryNames: Partial<Record<NodeJS.Platform, RegExp>> = {
  linux: /^libonnxruntime\.so(\.\d+)*$/,
  darwin: /^libonnxruntime(\.\d+)*\.dylib$/,
  win32: /^onnxruntime\.dll$/,
};

/** Errors: ERR_NO_RUNTIME, saying where was looked. */
export function findOnnxRuntime(named: string | undefined): string {
  const given = named ?? process.env.TENSORLANE_ONNXRUNTIME;
  if (given) return given;
  const own = installed(platformPackage)?.onnxruntime;
  if (own !== undefined) return own;
  let root: string;
  try {
    // The main file is <root>/dist/index.js; the package's manifest is not among its exports.
    root = dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));
  } catch (cause) {
    throw new TensorlaneError(
      'ERR_NO_RUNTIME',
      `models need ONNX Runtime: install the package ${platformPackage}, which has it inside, or onnxruntime-node, or name ` +
        'its shared library in the environment variable TENSORLANE_ONNXRUNTIME or in open({ onnxruntime })',
      { cause },
    );
  }
  const pattern = libraryNames[process.platform];
  const tried: string[] = [];
  for (const version of existsSync(join(root, 'bin')) ? readdirSync(join(root, 'bin')).sort().reverse() : []) {
    const folder = join(root, 'bin', version, process.platform, process.arch);
    tried.push(folder);
    if (pattern === undefined || !existsSync(folder)) continue;
    const library = readdirSync(folder).find((name) => pattern.test(name));
    if (library !== undefined) return join(folder, library);
  }
  throw new TensorlaneError(
    'ERR_NO_RUNTIME',
    `onnxruntime-node has no shared library for ${process.platform}-${process.arch} (looked in ${tried.join(', ') || root}); ` +
      'name one in the environment variable TENSORLANE_ONNXRUNTIME or in open({ onnxruntime })',
  );
}
