// THIRD_PARTY_LICENSES of a package: what is inside it that others wrote, and their terms, whole.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ask } from '../processes.mjs';
import { findProgram } from '../setup/packages.mjs';
import { inRoot, SetupError } from '../setup/run.mjs';
import { onnxRuntimeNotices, openblas } from './parts.mjs';

/** @param {import('./targets.mjs').Target} target */
export async function writeLicenses(target, folder, onnxRuntimeVersion) {
  const blas = await openblas(target);
  const parts = [
    [`OpenBLAS ${blas.version} (linked statically)`, read(blas.copyrights[0] ?? '')],
    ['LAPACK (part of OpenBLAS)', read(blas.copyrights[1] ?? '')],
    ["libstdc++ (linked statically, by GCC's Runtime Library Exception)", read(libstdcxxTerms())],
    ['node-addon-api (compiled in)', read(inRoot('node_modules', 'node-addon-api', 'LICENSE.md'))],
    ['node-api-headers (compiled in)', read(inRoot('node_modules', 'node-api-headers', 'LICENSE'))],
  ];
  if (target.cuda)
    parts.push([
      `the CUDA runtime ${target.cuda} (libcudart_static, linked statically)`,
      'It is redistributed under the CUDA Toolkit End User License Agreement, Attachment A: https://docs.nvidia.com/cuda/eula/.\n' +
        "Whoever passes this package on passes these terms on. No other library of NVIDIA's is in it.",
    ]);
  if (onnxRuntimeVersion) {
    const notices = await onnxRuntimeNotices(onnxRuntimeVersion);
    parts.push([`ONNX Runtime ${onnxRuntimeVersion} (libonnxruntime.so.1)`, read(path.join(notices, 'LICENSE'))]);
    parts.push(['what is inside ONNX Runtime', read(path.join(notices, 'ThirdPartyNotices.txt'))]);
  }
  const line = '='.repeat(80);
  const text = parts.map(([title, terms]) => `${line}\n${title}\n${line}\n\n${terms.trim()}\n`).join('\n');
  writeFileSync(path.join(folder, 'THIRD_PARTY_LICENSES'), text);
}

/** As the compiler's package brings them. */
function libstdcxxTerms() {
  const version = ask(findProgram('g++-12') ?? 'g++', '-dumpversion')?.split('.')[0];
  return `/usr/share/doc/libstdc++-${version}-dev/copyright`;
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new SetupError(`A licence is missing that has to go into the package: ${file}`);
  }
}
