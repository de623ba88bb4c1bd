// What is expected of results that come in thousands.

import { expect } from 'vitest';

/**
 * Of thousands of results, each: an expectation alone takes longer than what is expected of, so there is one only where it fails.
 * What is not finite is so exactly.
 */
export function expectWithin(got: number, expected: number, bound: number, what: () => string): void {
  const isRight = Number.isFinite(expected) ? Math.abs(got - expected) <= bound : Object.is(got, expected);
  if (!isRight) expect.fail(`${what()}: ${got}, expected ${expected} within ${bound}`);
}
