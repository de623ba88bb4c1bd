// Which version of ONNX Runtime a shared library is, without opening it.

import { readFileSync, realpathSync } from 'node:fs';
import { installed, platformPackage } from './choose.js';

/** undefined where its name does not tell, nor the package that it lies in. */
export function onnxRuntimeVersionOf(file: string): string | undefined {
  const own = installed(platformPackage);
  if (own?.onnxruntime === file) return own.onnxruntimeVersion;
  try {
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
