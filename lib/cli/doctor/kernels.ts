// Whether OpenBLAS has found out what the processor can do. One that is newer than it, it takes for the oldest that it knows, and
// says nothing: linear algebra is slower then, products several times.

import { readFileSync } from 'node:fs';

/** Its names of x86-64's processors without AVX2. */
const old =
  /\b(?:Prescott|Core2|Penryn|Dunnington|Nehalem|Atom|Barcelona|Bobcat|Opteron|Opteron_SSE3|Nano|Sandybridge|Bulldozer|Piledriver|Steamroller)\b/;

/** `library` is OpenBLAS's own description of itself, `flags` what the processor can do. Undefined where all is well, as far as that tells. */
export function kernelsAdvice(library: string, flags: ReadonlySet<string>): string | undefined {
  const taken = old.exec(library)?.[0];
  if (taken === undefined || !flags.has('avx2')) return undefined;
  const better = flags.has('avx512dq') && flags.has('avx512vl') ? 'SkylakeX' : 'Haswell';
  return `OpenBLAS takes this processor for ${taken}: OPENBLAS_CORETYPE=${better} in the environment is faster`;
}

/** None where that cannot be told. */
export function processorFlags(): ReadonlySet<string> {
  try {
    return new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.trim().split(' '));
  } catch {
    return new Set();
  }
}
