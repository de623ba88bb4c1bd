// What a page keeps when a request cannot be taken into it.

import { expect, test } from 'vitest';
import type { TensorInput } from '../../binding.js';
import { Layout } from '../../lib/model/layout.js';
import { Page, type QueuedRun } from '../../lib/model/page.js';
import type { Tensor } from '../../lib/tensor/types.js';

test('a request that runs out of memory half-way leaves those before it as they are', () => {
  const value = (name: string) => ({
    name,
    kind: 'tensor' as const,
    type: 'float32' as const,
    dims: [-1, 2],
    dimNames: ['N', undefined],
  });
  const page = new Page(new Layout({ inputs: [value('a'), value('b')], outputs: [] }));
  const rowOf = (...data: number[]): Tensor => ({ type: 'float32', data: Float32Array.from(data), dims: [1, 2] });
  const request = (a: Tensor, b: Tensor): QueuedRun => ({
    checked: {
      tensors: [a, b],
      overrides: [],
      onDevice: false,
      alone: false,
      rows: 1,
      key: '',
      length: -1,
      padded: -1,
    },
    outputs: [],
    alone: false,
    resident: false,
    log: undefined,
    page: undefined,
    place: 0,
  });
  const unlucky = {
    ...rowOf(0, 0),
    get data(): never {
      throw new RangeError('Array buffer allocation failed');
    },
  };
  const good = request(rowOf(1, 2), rowOf(3, 4));
  page.add(good);
  expect(() => page.add(request(rowOf(5, 6), unlucky))).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' }));

  expect([page.rows, page.live]).toEqual([1, 1]);
  const batch = { payloads: [good], rows: [1], starts: undefined, total: 1, padded: 1 };
  const isWhole = page.isAllOf(batch);
  expect(page.input(0, batch, isWhole)).toEqual({ dims: [1, 2], parts: [Float32Array.of(1, 2)] });
  expect(page.input(1, batch, isWhole)).toEqual({ dims: [1, 2], parts: [Float32Array.of(3, 4)] });

  page.clear();
  const next = request(rowOf(7, 8), rowOf(9, 10));
  page.add(next);
  const input = page.input(0, { ...batch, payloads: [next] }, true) as TensorInput;
  expect(input.parts).toEqual([Float32Array.of(7, 8)]);
});
