// What a request may cost, said once: every transport asks here.

import { integerOf, objectOf } from '../core/options.js';

export interface LimitOptions {
  /** The most bytes of one body, also after it was decompressed; 64 MiB by default. */
  bodyBytes?: number | undefined;
  /** The most bytes of the bodies of all requests that are not answered yet; 512 MiB by default. More are refused before they are read. */
  pendingBytes?: number | undefined;
}

export type Limits = { readonly [Name in keyof LimitOptions]-?: number };

const names: Readonly<Record<keyof LimitOptions, true>> = { bodyBytes: true, pendingBytes: true };

/** Errors: ERR_ARGUMENT. */
export function checkLimits(options: LimitOptions = {}): Limits {
  objectOf('limits', options, names);
  const bodyBytes = integerOf('limits.bodyBytes', options.bodyBytes, 64 * 2 ** 20, 1);
  return {
    bodyBytes,
    pendingBytes: integerOf('limits.pendingBytes', options.pendingBytes, Math.max(bodyBytes, 512 * 2 ** 20), bodyBytes),
  };
}
