// Complex numbers element by element, and in what is made of products, of elimination and of exponentials.

import { type ComplexType, type Device, DeviceTensor, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  adjoint,
  type Complex,
  complexDifference,
  complexIdentity,
  complexMatrix,
  elementOf,
  multiplyComplex,
  randomComplex,
  times,
} from '../support/complex.js';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { random } from '../support/matrices.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const of = (dims: number[], ...values: number[]): Tensor<'complex128'> => ({
  type: 'complex128',
  data: Float64Array.from(values),
  dims,
});

function expectNear(found: Tensor, expected: readonly Complex[], digits = 1e-13): void {
  expected.forEach(([re, im], i) => {
    const [x, y] = elementOf(found, i);
    expect(Math.hypot(x - re, y - im)).toBeLessThan(digits * Math.max(1, Math.hypot(re, im)));
  });
}

describe('element by element', () => {
  const [a, b] = [of([2], 1, 2, 3, -4), of([2], 0, 1, -2, 0.5)];

  test('arithmetic, in host memory and on the device', async () => {
    const expected = {
      add: [1, 3, 1, -3.5],
      sub: [1, 1, 5, -4.5],
      mul: [-2, 1, -4, 9.5],
      div: [2, -1, -8 / 4.25, 6.5 / 4.25],
    };
    await using held = await device.put(a);
    for (const name of ['add', 'sub', 'mul', 'div'] as const) {
      const found = await device.ops[name](a, b);
      const pairs = [expected[name].slice(0, 2), expected[name].slice(2)] as unknown as Complex[];
      expect(found.type).toBe('complex128');
      expectNear(found, pairs);
      await using there = await device.ops[name](held, b);
      expect(there).toBeInstanceOf(DeviceTensor);
      expect((await there.get()).data).toEqual(found.data);
    }
    expect([...(await device.ops.equal(a, of([2], 1, 2, 3, 4))).data]).toEqual([1, 0]);
    expect([...(await device.ops.notEqual(a, of([2], 1, 2, 3, 4))).data]).toEqual([0, 1]);
  });

  test('with real operands, numbers, and dims that broadcast', async () => {
    const single: Tensor<'complex64'> = { type: 'complex64', data: Float32Array.of(1, 2), dims: [1] };
    const cases = [
      [await device.ops.mul(single, tensor([2, 3])), 'complex64', [2, 4, 3, 6]],
      [await device.ops.add(single, tensor([1], { type: 'float64' })), 'complex128', [2, 2]],
      [await device.ops.sub(tensor(Int32Array.of(5)), single), 'complex128', [4, -2]],
      [await device.ops.add(a, 1), 'complex128', [2, 2, 4, -4]],
      [await device.ops.mul(2, single), 'complex64', [2, 4]],
      [await device.ops.mul(of([2, 1], 1, 0, 0, 1), a), 'complex128', [1, 2, 3, -4, -2, 1, 4, 3]],
    ] as const;
    for (const [found, type, values] of cases) {
      expect([found.type, ...found.data]).toEqual([type, ...values]);
    }
    await expectError(device.ops.lessEqual(a as never, a as never), 'ERR_DTYPE', /lessEqual: a: .*not complex128/);
  });

  test('functions', async () => {
    expectNear(await device.ops.exp(of([2], 0, Math.PI, 1, 0)), [
      [-1, 0],
      [Math.E, 0],
    ]);
    expectNear(await device.ops.log(of([2], -1, 0, 0, Math.E)), [
      [0, Math.PI],
      [1, Math.PI / 2],
    ]);
    expectNear(await device.ops.sqrt(of([2], -4, 0, 3, 4)), [
      [0, 2],
      [2, 1],
    ]);
    const sizes = await device.ops.abs(of([2], 3, 4, -1e300, 1e300));
    expect(sizes.type).toBe('float64');
    expect([sizes.data[0], Math.abs(sizes.data[1]! / (Math.SQRT2 * 1e300) - 1) < 1e-15]).toEqual([5, true]);
    await using held = await device.put({ type: 'complex64', data: Float32Array.of(3, 4), dims: [1] } as const);
    await using size = await device.ops.abs(held);
    expect(await size.get()).toEqual(tensor([5]));
  });
});

describe('products', () => {
  test('vecdot takes conjugates of the first, einsum and tensordot do not', async () => {
    const [a, b] = [of([2], 1, 2, 3, -4), of([2], 0, 1, -2, 0.5)];
    // (1 - 2i) i + (3 + 4i) (-2 + 0.5i)
    expectNear(await device.linalg.vecdot(a, b), [[-6, -5.5]]);
    expectNear(await device.linalg.einsum('i,i', [a, b]), [[-6, 10.5]]);
    expectNear(await device.linalg.tensordot(a, b, { axes: 1 }), [[-6, 10.5]]);
    const rows = randomComplex('complex128', [4, 3, 2], 3);
    const batch = await device.linalg.vecdot(rows, rows);
    for (let i = 0; i < 12; i++) {
      const sum = [0, 1].reduce((all, j) => all + Math.hypot(...elementOf(rows, 2 * i + j)) ** 2, 0);
      expectNear({ ...batch, data: batch.data.slice(2 * i, 2 * i + 2), dims: [] } as Tensor, [[sum, 0]]);
    }
  });

  test('einsum, outer, kron, cross, multiDot and trace', async () => {
    const x = randomComplex('complex128', [3, 3], 5);
    const y = randomComplex('complex128', [3, 3], 6);
    const product = multiplyComplex(complexMatrix(x), complexMatrix(y));
    const near = (found: Tensor, expected: Complex[][]) =>
      expect(complexDifference(complexMatrix(found), expected)).toBeLessThan(1e-13);
    near(await device.linalg.einsum('ij,jk->ik', [x, y]), product);
    near(await device.linalg.multiDot([x, y]), product);
    const diagonal = [0, 4, 8].map((at) => elementOf(x, at));
    const sum: Complex = [diagonal.reduce((s, [re]) => s + re, 0), diagonal.reduce((s, [, im]) => s + im, 0)];
    expectNear(await device.linalg.trace(x), [sum]);
    expectNear(await device.linalg.einsum('ii', [x]), [sum]);
    const [u, v] = [of([2], 1, 1, 2, 0), of([2], 0, 1, 1, -1)];
    const pairs = [0, 1].map((i) => [0, 1].map((j) => times(elementOf(u, i), elementOf(v, j))));
    near(await device.linalg.outer(u, v), pairs);
    expectNear(await device.linalg.kron(u, v), pairs.flat());
    expectNear(await device.linalg.cross(of([3], 1, 0, 0, 0, 0, 0), of([3], 0, 0, 0, 1, 0, 0)), [
      [0, 0],
      [0, 0],
      [0, 1],
    ]);
  });
});

describe.each(['complex64', 'complex128'] as const)('%s: elimination and exponentials', (type: ComplexType) => {
  const digits = type === 'complex64' ? 1e-4 : 1e-12;

  test('lu, luFactor, luSolve and solveTriangular', async () => {
    const { linalg } = device;
    const a = randomComplex(type, [2, 5, 5], 7);
    const b = randomComplex(type, [2, 5, 3], 8);
    const { p, l, u } = await linalg.lu(a);
    expect([l.type, u.type]).toEqual([type, type]);
    const factors = await linalg.luFactor(a);
    for (let i = 0; i < 2; i++) {
      const [matrix, right] = [complexMatrix(a, i), complexMatrix(b, i)];
      const back = multiplyComplex(complexMatrix(p, i), multiplyComplex(complexMatrix(l, i), complexMatrix(u, i)));
      expect(complexDifference(back, matrix)).toBeLessThan(digits);
      const forms = { N: matrix, T: matrix[0]!.map((_, j) => matrix.map((row) => row[j]!)), C: adjoint(matrix) };
      for (const trans of ['N', 'T', 'C'] as const) {
        const x = await linalg.luSolve(factors, b, { trans });
        expect(complexDifference(multiplyComplex(forms[trans], complexMatrix(x, i)), right), trans).toBeLessThan(
          digits,
        );
        // Of the factor u, which has no small pivots here.
        const y = await linalg.solveTriangular(u, b, { trans });
        const upper = complexMatrix(u, i);
        const triangles = { N: upper, T: upper[0]!.map((_, j) => upper.map((row) => row[j]!)), C: adjoint(upper) };
        const again = multiplyComplex(triangles[trans], complexMatrix(y, i));
        expect(complexDifference(again, right), `triangle ${trans}`).toBeLessThan(100 * digits);
      }
    }
    const wide = await linalg.lu(randomComplex(type, [3, 5], 2), { pIndices: true });
    expect([wide.p.type, wide.l.dims, wide.u.dims]).toEqual(['int32', [3, 3], [3, 5]]);
    await using held = await device.put(a);
    const there = await linalg.luFactor(held);
    await using x = await linalg.luSolve(there, random('float32', [2, 5, 1]));
    expect(x).toBeInstanceOf(DeviceTensor);
    expect([x.type, x.dims]).toEqual([type, [2, 5, 1]]);
    await Promise.all([there.lu.dispose(), there.pivots.dispose()]);
  });

  test('singular and broken matrices are refused, by their indices', async () => {
    const values = [1, 0, 0, 0, 0, 0, 1, 0, /* singular: */ 1, 1, 2, 2, 1, 1, 2, 2];
    const data = type === 'complex64' ? Float32Array.from(values) : Float64Array.from(values);
    const stack = { type, data, dims: [2, 2, 2] } as Tensor<ComplexType>;
    const factors = await device.linalg.luFactor(stack);
    const error = await expectError(device.linalg.luSolve(factors, stack), 'ERR_SINGULAR', /^luSolve: /);
    expect(error.indices).toEqual([1]);
    const broken = { ...stack, data: data.map((x, at) => (at === 9 ? Number.NaN : x)) } as Tensor<ComplexType>;
    // One after the other: a promise that rejects while nobody has asked for it yet is an error of the process.
    for (const call of [() => device.linalg.luFactor(broken), () => device.linalg.expm(broken)]) {
      expect((await expectError(call(), 'ERR_NOT_FINITE', /NaN/)).indices).toEqual([1]);
    }
  });

  test('expm', async () => {
    // Of i times a Hermitian matrix it is unitary, and its inverse is that of the negative.
    const { linalg, ops } = device;
    const half = randomComplex(type, [2, 4, 4], 9);
    const hermitian = await linalg.matmul(half, half);
    const unitary = await linalg.expm(await ops.sub(hermitian, await conjugateTransposed(hermitian)));
    expect(unitary.type).toBe(type);
    for (let i = 0; i < 2; i++) {
      const u = complexMatrix(unitary, i);
      expect(complexDifference(multiplyComplex(u, adjoint(u)), complexIdentity(4))).toBeLessThan(digits);
    }
    const data = [0, Math.PI];
    const turn = { type, data: type === 'complex64' ? Float32Array.from(data) : Float64Array.from(data), dims: [1, 1] };
    expectNear(await linalg.expm(turn as Tensor<ComplexType>), [[-1, 0]], digits);
    // exp(a + b) = exp(a) exp(b) of what commutes; large, so that it is squared several times.
    const large = await ops.mul(half, 5);
    const [once, twice] = [await linalg.expm(large), await linalg.expm(await ops.add(large, large))];
    const square = multiplyComplex(complexMatrix(once), complexMatrix(once));
    const size = Math.max(...square.flat().map((one) => Math.hypot(...one)));
    expect(complexDifference(square, complexMatrix(twice))).toBeLessThan(100 * digits * size);
  });

  async function conjugateTransposed(a: Tensor<ComplexType>): Promise<Tensor<ComplexType>> {
    const data = a.data.map((x: number, i: number) => (i % 2 === 0 ? x : -x));
    return (await device.linalg.matrixTranspose({ ...a, data } as Tensor<ComplexType>)) as Tensor<ComplexType>;
  }

  test('tensorsolve and tensorinv', async () => {
    const a = randomComplex(type, [2, 3, 6], 4);
    const b = randomComplex(type, [2, 3], 5);
    const x = await device.linalg.tensorsolve(a, b);
    expect([x.type, x.dims]).toEqual([type, [6]]);
    expectNear(
      await device.linalg.tensordot(a, x, { axes: 1 }),
      [...Array(6).keys()].map((i) => elementOf(b, i)),
      digits,
    );
    const inverse = await device.linalg.tensorinv(a, { ind: 2 });
    expect(inverse.dims).toEqual([6, 2, 3]);
    expectNear(
      await device.linalg.tensordot(inverse, b, { axes: 2 }),
      [...Array(6).keys()].map((i) => elementOf(x, i)),
      digits,
    );
  });
});
