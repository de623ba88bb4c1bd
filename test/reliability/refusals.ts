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

/** What says that it is a Float32Array, and has no such elements. */
export const standIns: readonly (readonly [string, unknown])[] = [
  ['a Proxy', new Proxy(f32(16), {})],
  ['an object that inherits from the class', Object.create(Float32Array.prototype)],
  ['an object that names the class', { constructor: Float32Array, length: 16, byteLength: 64, byteOffset: 0 }],
  ['an array of another class that names it', Object.assign(new Float64Array(16), { constructor: Float32Array })],
  ['a view that says so', Object.assign(new DataView(new ArrayBuffer(64)), { constructor: Float32Array, length: 16 })],
];

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
