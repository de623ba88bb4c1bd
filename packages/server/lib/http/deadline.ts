// How long a client waits, as it says in a header: what could not be answered by then is not computed.

import { invalid } from '../core/errors.js';
import type { Exchange } from './exchange.js';

/** Milliseconds from when the request came. */
export const timeoutHeader = 'x-request-timeout-ms';

/** Options of a run: what is left of the client's time, or of `own`, whichever is less. Errors: INVALID_ARGUMENT. */
export function deadlineOf(exchange: Exchange, own?: number): { readonly deadlineMicros?: number } {
  const text = exchange.header(timeoutHeader);
  if (text === undefined) return own === undefined ? {} : { deadlineMicros: own };
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(text)) throw invalid(`${timeoutHeader} must be a number of milliseconds`);
  const passed = performance.now() - exchange.startedAt;
  const left = Math.max(0, Number(text) - passed) * 1000;
  return { deadlineMicros: Math.min(left, own ?? Infinity) };
}
