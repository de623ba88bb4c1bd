// Where ONNX Runtime's shared library is: named by the user, in the package that brought the addon, or inside the package
// onnxruntime-node where that is installed beside. Of the latter two the newer one is taken only where it is asked for.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TensorlaneError } from '../core/errors.js';
import { installed, platformPackage } from './choose.js';

const libraryNames: Partial<Record<NodeJS.Platform, RegExp>> = {
  linux: /^libonnxruntime\.so(\.\d+)*$/,
  darwin: /^libonnxruntime(\.\d+)*\.dylib$/,
  win32: /^onnxruntime\.dll$/,
};

interface Beside {
  /** Its library for this platform, where it has one. */
  readonly file?: string;
  readonly version: string;
  /** Where that was looked for. */
  readonly tried: readonly string[];
}

/**
 * `named`, or what the environment variable TENSORLANE_ONNXRUNTIME has: a path, or 'newest'.
 *
 * Errors: ERR_NO_RUNTIME, saying where was looked.
 */
export function findOnnxRuntime(named: string | undefined): string {
  const given = named ?? process.env.TENSORLANE_ONNXRUNTIME;
  if (given && given !== 'newest') return given;
  const { onnxruntime: own, onnxruntimeVersion = '' } = installed(platformPackage) ?? {};
  if (own !== undefined && given !== 'newest') return own;
  const beside = installedBeside();
  if (own !== undefined) {
    return beside?.file !== undefined && isNewer(beside.version, onnxruntimeVersion) ? beside.file : own;
  }
  if (beside?.file !== undefined) return beside.file;
  throw new TensorlaneError(
    'ERR_NO_RUNTIME',
    beside === undefined
      ? `models need ONNX Runtime: install the package ${platformPackage}, which has it inside, or onnxruntime-node, or name ` +
          'its shared library in the environment variable TENSORLANE_ONNXRUNTIME or in open({ onnxruntime })'
      : `onnxruntime-node has no shared library for ${process.platform}-${process.arch} (looked in ${beside.tried.join(', ')}); ` +
          'name one in the environment variable TENSORLANE_ONNXRUNTIME or in open({ onnxruntime })',
  );
}

/** undefined where onnxruntime-node is not installed. */
function installedBeside(): Beside | undefined {
  let root: string;
  try {
    // The main file is <root>/dist/index.js; the package's manifest is not among its exports.
    root = dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));
  } catch {
    return undefined;
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const pattern = libraryNames[process.platform];
  const bin = join(root, 'bin');
  const folders = (existsSync(bin) ? readdirSync(bin) : [])
    .sort()
    .reverse()
    .map((napi) => join(bin, napi, process.platform, process.arch));
  for (const folder of folders) {
    const library = existsSync(folder) ? readdirSync(folder).find((name) => pattern?.test(name)) : undefined;
    if (library !== undefined) return { file: join(folder, library), version, tried: folders };
  }
  return { version, tried: folders.length > 0 ? folders : [root] };
}

/** By the numbers of both: a version that is yet to be released is none that is newer. */
function isNewer(version: string, than: string): boolean {
  const numbers = (text: string) => text.split('-')[0]!.split('.').map(Number);
  const [a, b] = [numbers(version), numbers(than)];
  const at = a.findIndex((part, i) => part !== b[i]);
  return at >= 0 && a[at]! > (b[at] ?? 0);
}
