// Why a job failed, as the text that a queue keeps of it ("ERR_SINGULAR: solve: ..."), and back as the error that its caller gets.

import { type ErrorCode, TensorlaneError } from 'tensorlane';

const pattern = /^(ERR_[A-Z_]+): ([\s\S]*)$/;

/** What another try with the same tensors cannot change. */
const lasting: ReadonlySet<string> = new Set([
  'ERR_ARGUMENT',
  'ERR_SHAPE',
  'ERR_DTYPE',
  'ERR_NOT_FINITE',
  'ERR_NOT_CONVERGED',
  'ERR_SINGULAR',
  'ERR_NOT_POSITIVE_DEFINITE',
  'ERR_NOT_SUPPORTED',
  'ERR_TIMEOUT',
  'ERR_ABORTED',
]);

export function isLasting(reason: unknown): boolean {
  return lasting.has((reason as { code?: string } | undefined)?.code ?? '');
}

export function reasonOf(failure: unknown): string {
  if (!(failure instanceof Error)) return `ERR_INTERNAL: ${String(failure)}`;
  const code = (failure as { code?: unknown }).code;
  return `${typeof code === 'string' && code.startsWith('ERR_') ? code : 'ERR_INTERNAL'}: ${failure.message}`;
}

/** BullMQ's own reasons, those of a job that ended its workers among them, have no code. */
export function splitReason(reason: string | undefined): { code: ErrorCode; message: string } {
  const [, code = 'ERR_INTERNAL', message] = pattern.exec(reason ?? '') ?? [];
  return {
    code: code as ErrorCode,
    message: message ?? (reason || 'it failed for a reason that the queue does not know'),
  };
}

export function errorOfReason(reason: string | undefined, jobId: string): TensorlaneError {
  const { code, message } = splitReason(reason);
  return new TensorlaneError(code, `job ${jobId}: ${message}`);
}
