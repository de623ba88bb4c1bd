// What errors say: whatever was given is shown in a line, and a code is one that the documentation knows.

import { expect, test } from 'vitest';
import { errorCodes, TensorlaneError, toTensorlaneError } from '../../lib/core/errors.js';
import { shown } from '../../lib/core/shown.js';

const endless: unknown[] = [];
endless.push(endless);

test.each([
  ['text', `'text'`],
  ['x'.repeat(1000), `'${'x'.repeat(100)}...'`],
  [undefined, 'undefined'],
  [null, 'null'],
  [Number.NaN, 'NaN'],
  [5n, '5'],
  [Symbol('s'), 'Symbol(s)'],
  [[1, 'two', [null]], `[1, 'two', [null]]`],
  [new Array(3), '[undefined, undefined, undefined]'],
  [Array.from({ length: 1000 }, (_, i) => i), `[${Array.from({ length: 20 }, (_, i) => i).join(', ')}, and 980 more]`],
  [endless, '[[[[...]]]]'],
  [{}, '[object Object]'],
  [Object.create(null), '[object Object]'],
  [new Float32Array(4), '[object Float32Array]'],
  [() => 'a source that nobody wants to read', 'a function'],
])('%o is shown', (value, expected) => {
  expect(shown(value)).toBe(expected);
});

test('an error keeps a code that is ours, and no other', () => {
  for (const code of errorCodes) expect(toTensorlaneError(Object.assign(new Error('x'), { code })).code).toBe(code);
  const foreign = Object.assign(new TypeError('bad argument'), { code: 'ERR_INVALID_ARG_TYPE' });
  const error = toTensorlaneError(foreign, 'run: ');
  expect(error).toBeInstanceOf(TensorlaneError);
  expect(error).toMatchObject({ code: 'ERR_INTERNAL', message: 'run: bad argument', cause: foreign });
  expect(toTensorlaneError(Object.create(null)).message).toBe('[object Object]');
});
