// What a request and a client may cost, said once: every transport asks here.

import { integerOf, numberOf, objectOf } from '../core/options.js';

export interface LimitOptions {
  /** The most bytes of one body, also after it was decompressed; 64 MiB by default. */
  bodyBytes?: number | undefined;
  /** The most bytes of the bodies of all requests that are not answered yet; 512 MiB by default. More are refused before they are read. */
  pendingBytes?: number | undefined;
  /** The most requests of one client's that are not answered yet; any number by default. A client is an address. */
  clientRequests?: number | undefined;
  /** The most bytes of the bodies of those; any number by default. */
  clientBytes?: number | undefined;
  /** The most bytes of a request's headers; 16 KiB by default. `serve` keeps it, and those that follow. */
  headerBytes?: number | undefined;
  /** How long a client may take to send a request's headers, in seconds; 15 by default. */
  headerSeconds?: number | undefined;
  /** How long it may take to send all of a request, and to take all of an answer, in seconds; 300 by default. */
  requestSeconds?: number | undefined;
  /** How long it may send nothing of a body, or take nothing of an answer, in seconds; 30 by default. */
  stallSeconds?: number | undefined;
}

export type Limits = { readonly [Name in keyof LimitOptions]-?: number };

const names: Readonly<Record<keyof LimitOptions, true>> = {
  bodyBytes: true,
  pendingBytes: true,
  clientRequests: true,
  clientBytes: true,
  headerBytes: true,
  headerSeconds: true,
  requestSeconds: true,
  stallSeconds: true,
};

/** Errors: ERR_ARGUMENT. */
export function checkLimits(options: LimitOptions = {}): Limits {
  objectOf('limits', options, names);
  const { bodyBytes: body, pendingBytes: pending, headerBytes, headerSeconds, requestSeconds, stallSeconds } = options;
  const bodyBytes = integerOf('limits.bodyBytes', body, 64 * 2 ** 20, 1);
  return {
    bodyBytes,
    pendingBytes: integerOf('limits.pendingBytes', pending, Math.max(bodyBytes, 512 * 2 ** 20), bodyBytes),
    clientRequests: integerOf('limits.clientRequests', options.clientRequests, Infinity, 1),
    clientBytes: integerOf('limits.clientBytes', options.clientBytes, Infinity, 1),
    headerBytes: integerOf('limits.headerBytes', headerBytes, 16 * 1024, 256),
    headerSeconds: numberOf('limits.headerSeconds', headerSeconds, 15, 0.1, mostSeconds),
    requestSeconds: numberOf('limits.requestSeconds', requestSeconds, 300, 0.1, mostSeconds),
    stallSeconds: numberOf('limits.stallSeconds', stallSeconds, 30, 0.1, mostSeconds),
  };
}

const mostSeconds = 86_400;
