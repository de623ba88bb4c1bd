// How a failure is told in the Open Inference Protocol over HTTP.

import { codeHeader, microsHeader, statuses, type Told, told } from '../core/errors.js';
import { type Answer, jsonAnswer, retryAfter } from '../http/exchange.js';

/** { "error": message }, with the status that the one table of errors has for it. */
export function failureAnswer(error: unknown): Answer {
  const failure = told(error);
  const status = failure.http ?? statuses[failure.status].v2;
  const headers = { ...codeHeaders(failure), ...retryAfter(failure.retryAfterMicros, status) };
  return jsonAnswer(status, { error: failure.message }, headers);
}

/** The library's own code and time, for our own client. */
function codeHeaders({ code, retryAfterMicros }: Told): Record<string, string> {
  return {
    ...(code === undefined ? {} : { [codeHeader]: code }),
    ...(retryAfterMicros === undefined ? {} : { [microsHeader]: String(retryAfterMicros) }),
  };
}
