import { TensorlaneError } from 'tensorlane';
import { expect } from 'vitest';

/** Expects a rejection with a TensorlaneError of this code whose message matches, and gives the error. */
export async function expectError(promise: Promise<unknown>, code: string, message?: RegExp): Promise<TensorlaneError> {
  const error = await promise.then(
    (value) => new Error(`expected a rejection with ${code}, but it resolved to ${String(value)}`),
    (reason: unknown) => reason,
  );
  expect(error, `expected a TensorlaneError ${code}, got ${String(error)}`).toBeInstanceOf(TensorlaneError);
  const failure = error as TensorlaneError;
  expect(failure.code, failure.message).toBe(code);
  if (message !== undefined) expect(failure.message).toMatch(message);
  return failure;
}
