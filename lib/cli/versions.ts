// Which version of ONNX Runtime is here.

import { readFileSync, realpathSync } from 'node:fs';
import { installed, platformPackage } from '../addon/choose.js';
import { findOnnxRuntime } from '../addon/onnxruntime.js';

/** Of the library that models would be run with; undefined where there is none, or its name does not tell. */
export function onnxRuntimeVersion(): string | undefined {
  try {
    const file = findOnnxRuntime(undefined);
    const own = installed(platformPackage);
    if (own?.onnxruntime === file) return own.onnxruntimeVersion;
    return /(\d+\.\d+\.\d+)/.exec(`${realpathSync(file).split('/').at(-1)}`)?.[1] ?? packageVersion(file);
  } catch {
    return undefined;
  }
}

/** Of the package that a library lies in. */
function packageVersion(file: string): string | undefined {
  const parts = file.split('/');
  for (let end = parts.length - 1; end > 0; end--) {
    try {
      const { version } = JSON.parse(readFileSync([...parts.slice(0, end), 'package.json'].join('/'), 'utf8')) as {
        version: string;
      };
      return version;
    } catch {}
  }
  return undefined;
}
