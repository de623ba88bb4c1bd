// Calls that are refused: each with the code, the words and the stack that it should have, after which the next request works.

import type { ErrorCode } from 'tensorlane';
import { describe, expect, it } from 'vitest';
import { rejection, settles } from './support.js';

export interface Case {
  readonly what: string;
  readonly call: () => Promise<unknown>;
  readonly code: ErrorCode;
  /** What the message must mention: the given and the expected. */
  readonly says: readonly RegExp[];
}

// So that wrong types can be given on purpose.
export const any = (wrong: unknown) => wrong as never;
export const bad = (data: unknown, dims: unknown, type: unknown = 'float32') => any({ type, data, dims });
export const f32 = (length: number) => new Float32Array(length);

export function describeRefusals(title: string, cases: readonly Case[], nextRequestWorks: () => Promise<void>): void {
  describe(title, () => {
    for (const { what, call, code, says } of cases) {
      it(what, async () => {
        const error = await settles('the call', rejection(call));
        expect(error.code, error.message).toBe(code);
        expect(error.name).toBe('TensorlaneError');
        expect(error).toBeInstanceOf(Error);
        for (const said of says) expect(error.message).toMatch(said);
        // To where it is awaited, which is here.
        expect(error.stack, 'the stack must lead to the caller').toContain('refusals.ts');
        await nextRequestWorks();
      });
    }
  });
}
