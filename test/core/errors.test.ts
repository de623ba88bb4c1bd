// What errors say: whatever was given is shown in a line, and a code is one that the documentation knows.

import { expect, test } from 'vitest';
import { errorCodes, TensorlaneError, toTensorlaneError } from '../../lib/core/errors.js';
import { shown } from '../../lib/core/shown.js';

const endless: unknown[] = [];
endless.push(endless);

const cases: readonly (readonly [what: string, value: unknown, expected: string])[] = [
  ['text', 'text', `'text'`],
  ['long text', 'x'.repeat(1000), `'${'x'.repeat(100)}...'`],
  ['undefined', undefined, 'undefined'],
  ['null', null, 'null'],
  ['NaN', Number.NaN, 'NaN'],
  ['a bigint', 5n, '5'],
  ['a symbol', Symbol('s'), 'Symbol(s)'],
  ['an array', [1, 'two', [null]], `[1, 'two', [null]]`],
  ['holes', new Array(3), '[undefined, undefined, undefined]'],
  ['a long array', new Array(1000).fill(0), `[${new Array(20).fill(0).join(', ')}, and 980 more]`],
  ['an array that holds itself', endless, '[[[[...]]]]'],
  ['an object', {}, '[object Object]'],
  ['an object without a prototype', Object.create(null), '[object Object]'],
  ['a typed array', new Float32Array(4), '[object Float32Array]'],
  ['a function', () => 'a source that nobody wants to read', 'a function'],
];

test('whatever is given is shown in a line', () => {
  for (const [what, value, expected] of cases) expect(shown(value), what).toBe(expected);
});

test('an error keeps a code that is ours, and no other', () => {
  for (const code of errorCodes) expect(toTensorlaneError(Object.assign(new Error('x'), { code })).code).toBe(code);
  const foreign = Object.assign(new TypeError('bad argument'), { code: 'ERR_INVALID_ARG_TYPE' });
  const error = toTensorlaneError(foreign, 'run: ');
  expect(error).toBeInstanceOf(TensorlaneError);
  expect(error).toMatchObject({ code: 'ERR_INTERNAL', message: 'run: bad argument', cause: foreign });
  expect(toTensorlaneError(Object.create(null)).message).toBe('[object Object]');
});
