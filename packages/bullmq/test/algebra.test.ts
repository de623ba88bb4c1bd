// Linear algebra across jobs: what each gets is what it gets alone.

import { open, type Tensor, tensor } from 'tensorlane';
import { expect, test } from 'vitest';
import { Algebra } from '../lib/worker/algebra.js';

test.each(['matmul', 'solve'])('%s gives each of many jobs its own, whatever the ranks of operands', async (name) => {
  await using device = await open('cpu');
  // Of one lane, so that those after the first wait and come together.
  const algebra = new Algebra(device, 1);
  const alone = new Algebra(device, 1000);
  let seed = 0;
  const filled = (dims: readonly number[]) => {
    const length = dims.reduce((all, one) => all * one, 1);
    return tensor(
      Float64Array.from({ length }, (_, i) => Math.sin(++seed * 7 + i)),
      [...dims],
    );
  };
  const told = ({ result }: Readonly<Record<string, Tensor>>) => ({
    dims: result!.dims,
    data: [...(result!.data as Float64Array)].map((one) => Number(one.toPrecision(9))),
  });
  const shapes = [
    [2, 2],
    [1, 2, 2],
    [4, 2, 2],
    [2, 1, 2, 2],
  ];
  try {
    for (const a of shapes) {
      for (const b of shapes) {
        const calls = Array.from({ length: 5 }, () => ({ a: filled(a), b: filled(b) }));
        const got = await Promise.all(calls.map((feeds) => algebra.run(name, feeds)));
        const wanted = await Promise.all(calls.map((feeds) => alone.run(name, feeds)));
        expect(got.map(told), `[${a}] and [${b}]`).toEqual(wanted.map(told));
      }
    }
  } finally {
    await algebra.dispose();
    await alone.dispose();
  }
});
