// Whatever is wrong with a matrix, the call rejects as test/reliability/bad-input.test.ts has it.

import { type Device, open, type Tensor } from 'tensorlane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testDevice } from '../support/device.js';
import { any, bad, type Case, describeRefusals, f32, standIns } from './refusals.js';
import { matrix, rejection, settles, svdError } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open({ device: testDevice, streams: 2 });
});
afterAll(() => device.dispose());

async function nextRequestWorks(): Promise<void> {
  const a = matrix(6, 4, 1);
  expect(svdError(a.data, await settles('the next svd', device.linalg.svd(a)))).toBeLessThan(1e-13);
}

const describeCases = (title: string, cases: readonly Case[]) => describeRefusals(title, cases, nextRequestWorks);

const withAt = (index: number, poison: number): Tensor<'float64'> => {
  const a = { type: 'float64' as const, data: new Float64Array(5 * 9).map((_, i) => Math.sin(i)), dims: [5, 3, 3] };
  a.data[index] = poison;
  return a;
};

describeCases('linear algebra refuses', [
  { what: 'null', call: () => device.linalg.svd(any(null)), code: 'ERR_ARGUMENT', says: [/tensor/, /null/] },
  {
    what: 'nested arrays that are no tensor',
    call: () =>
      device.linalg.svd(
        any([
          [1, 2],
          [3, 4],
        ]),
      ),
    code: 'ERR_DTYPE',
    says: [/element type/],
  },
  ...standIns.map(
    ([what, data]): Case => ({
      what: `${what} for the elements`,
      call: () => device.linalg.svd(bad(data, [4, 4])),
      code: 'ERR_DTYPE',
      says: [/Float32Array/],
    }),
  ),
  {
    what: 'floats of 16 bits',
    call: () => device.linalg.svd(bad(new Uint16Array(4), [2, 2], 'float16')),
    code: 'ERR_DTYPE',
    says: [/float32, float64, complex64, complex128 or integers/, /float16/],
  },
  {
    what: 'a vector for svd',
    call: () => device.linalg.svd(bad(f32(4), [4])),
    code: 'ERR_SHAPE',
    says: [/at least 2 dimensions/, /\[4\]/],
  },
  {
    what: 'data of the wrong length',
    call: () => device.linalg.svd(bad(f32(5), [2, 2])),
    code: 'ERR_SHAPE',
    says: [/4 elements/, /5/],
  },
  {
    what: 'negative dims',
    call: () => device.linalg.svd(bad(f32(4), [-2, -2])),
    code: 'ERR_SHAPE',
    says: [/at least 0/, /\[-2, -2\]/],
  },
  {
    what: 'fractional dims',
    call: () => device.linalg.svd(bad(f32(4), [2.5, 1.6])),
    code: 'ERR_SHAPE',
    says: [/integers/, /2\.5/],
  },
  {
    what: 'an unknown mode',
    call: () => device.linalg.svd(matrix(2, 2, 1), { mode: any('half') }),
    code: 'ERR_ARGUMENT',
    says: [/'thin', 'full' or 'values'/, /half/],
  },
  {
    what: 'a rank of full matrices',
    call: () => device.linalg.svd(matrix(4, 3, 1), { rank: 2, mode: 'full' }),
    code: 'ERR_ARGUMENT',
    says: [/rank/, /'full'/],
  },
  {
    what: 'a rank beyond the matrices',
    call: () => device.linalg.svd(matrix(4, 3, 1), { rank: 2 ** 53 - 1 }),
    code: 'ERR_ARGUMENT',
    says: [/rank/, /from 1 to 3/, /9007199254740991/],
  },
  {
    what: 'options that are null',
    call: () => device.linalg.svd(matrix(2, 2, 1), any(null)),
    code: 'ERR_ARGUMENT',
    says: [/options/, /null/],
  },
  {
    what: 'a stream that is none',
    call: () => device.linalg.svd(matrix(2, 2, 1), { stream: any({}) }),
    code: 'ERR_ARGUMENT',
    says: [/stream/],
  },
  {
    what: 'a NaN in a batch',
    call: () => device.linalg.svd(withAt(4 + 9 * 3, Number.NaN)),
    code: 'ERR_NOT_FINITE',
    says: [/1 of 5/],
  },
  {
    what: 'an infinity in a batch',
    call: () => device.linalg.svd(withAt(9, Number.NEGATIVE_INFINITY), { mode: 'values' }),
    code: 'ERR_NOT_FINITE',
    says: [/1 of 5/],
  },
  {
    what: 'a NaN for solve',
    call: () => device.linalg.solve(withAt(0, Number.NaN), matrix(3, 3, 1)),
    code: 'ERR_NOT_FINITE',
    says: [/1 of 5/],
  },
  {
    what: 'a singular matrix',
    call: () => device.linalg.solve(bad(new Float64Array([1, 2, 2, 4]), [2, 2], 'float64'), matrix(2, 1, 1)),
    code: 'ERR_SINGULAR',
    says: [/singular/],
  },
  {
    what: 'a matrix that is not square for solve',
    call: () => device.linalg.solve(matrix(2, 3, 1), matrix(2, 1, 1)),
    code: 'ERR_SHAPE',
    says: [/square/, /\[2, 3\]/],
  },
  {
    what: 'a right side of the wrong length',
    call: () => device.linalg.solve(matrix(3, 3, 1), matrix(2, 1, 1)),
    code: 'ERR_SHAPE',
    says: [/\[3, 3\]/, /\[2, 1\]/],
  },
  {
    what: 'a product that does not match',
    call: () => device.linalg.matmul(matrix(2, 3, 1), matrix(4, 2, 1)),
    code: 'ERR_SHAPE',
    says: [/\[2, 3\]/, /\[4, 2\]/],
  },
  {
    what: 'batches that do not broadcast',
    call: () => device.linalg.matmul(bad(f32(8), [2, 2, 2]), bad(f32(12), [3, 2, 2])),
    code: 'ERR_SHAPE',
    says: [/\[2\]/, /\[3\]/, /broadcast/],
  },
  {
    what: 'a product of floats of 16 bits and integers',
    call: () => device.linalg.matmul(bad(new Uint16Array(4), [2, 2], 'float16'), bad(new Int8Array(4), [2, 2], 'int8')),
    code: 'ERR_DTYPE',
    says: [/matmul/, /float16/],
  },
  {
    what: 'more than memory holds',
    call: () => device.linalg.matmul(bad(f32(2 ** 18), [2 ** 18, 1]), bad(f32(2 ** 18), [1, 2 ** 18])),
    code: 'ERR_OUT_OF_MEMORY',
    says: [/274877906944 bytes/],
  },
]);

it('the culprits of a batch are named by their indices in the flattened batch', async () => {
  const a = withAt(4 + 9, Number.NaN);
  a.data[8 + 9 * 4] = Number.POSITIVE_INFINITY;
  const error = await rejection(() => device.linalg.svd(a));
  expect(error.code).toBe('ERR_NOT_FINITE');
  expect(error.indices).toEqual([1, 4]);
  const b = withAt(0, 1);
  b.data.fill(0, 9 * 2, 9 * 3);
  const singular = await rejection(() => device.linalg.solve(b, matrix(3, 3, 1)));
  expect(singular.code).toBe('ERR_SINGULAR');
  expect(singular.indices).toContain(2);
  await nextRequestWorks();
});
