// Elementwise operators, choices, and products of matrices.

import type { Attribute } from '../../support/onnx-builder.js';
import { broadcast, int, list, range, type Steps } from './making.js';

export const arithmetic: Steps = {
  unary: (g, x) => {
    const op = g.one(['Relu', 'Tanh', 'Sigmoid', 'Neg', 'Abs', 'Sin', 'Identity', 'Erf', 'Softsign']);
    g.give(g.put(op, [x.name]), x.dims);
  },
  binary: (g, x) => {
    const other = g.beside(x);
    const given = g.may() ? [x, other] : [other, x];
    const op = g.one(['Add', 'Sub', 'Mul', 'Max', 'Min']);
    const names = given.map(({ name }) => name);
    g.give(g.put(op, names), broadcast(x.dims, other.dims));
  },
  choice: (g, x) => {
    const [a, b] = [g.beside(x), g.beside(x)];
    const mask = g.put('Greater', [x.name, a.name]);
    const dims = broadcast(broadcast(x.dims, a.dims), b.dims);
    g.give(g.put('Where', [mask, x.name, b.name]), dims);
  },
  matmul: (g, x) => {
    const k = x.dims.at(-1)!;
    if (x.dims.length < 2) return;
    const batch = x.dims.slice(0, -2).map((dim) => (g.may() ? 1 : dim));
    const other = g.floats(...(g.may() ? [] : batch), k, g.one([2, 4]));
    g.give(g.put('MatMul', [x.name, other.name]), [...x.dims.slice(0, -1), other.dims.at(-1)!]);
  },
  'matmul from the left': (g, x) => {
    if (x.dims.length < 2) return;
    const other = g.floats(g.one([2, 4]), x.dims.at(-2)!);
    const dims = [...x.dims.slice(0, -2), other.dims[0]!, x.dims.at(-1)!];
    g.give(g.put('MatMul', [other.name, x.name]), dims);
  },
  'matmul with its own': (g, x) => {
    const rank = x.dims.length;
    if (rank < 2) return;
    const perm = [...range(rank - 2), rank - 1, rank - 2];
    const turned = g.put('Transpose', [x.name], { perm: list(perm) });
    const outer = g.may();
    const names = outer ? [x.name, turned] : [turned, x.name];
    const size = x.dims.at(outer ? -2 : -1)!;
    g.give(g.put('MatMul', names), [...x.dims.slice(0, -2), size, size]);
  },
  gemm: (g, x) => {
    if (x.dims.length !== 2) return;
    const [m, k] = g.may() ? [x.dims[0]!, x.dims[1]!] : [x.dims[1]!, x.dims[0]!];
    const isTurned = m !== x.dims[0]!;
    const b = g.floats(k, 3);
    const c = g.one([[3], [1, 3], [m, 1], [m, 3], [1]]);
    const names = [x.name, b.name, ...(g.may() ? [g.floats(...c).name] : [])];
    g.give(g.put('Gemm', names, { transA: int(isTurned ? 1 : 0) }), [m, 3]);
  },
  einsum: (g, x) => {
    if (!g.rankIsSure) return;
    const letters = 'abcde'.slice(0, x.dims.length);
    const kept = [...letters].filter(() => g.may(0.7)).sort(() => g.random() - 0.5);
    if (kept.length === 0) return;
    const own = [...letters].filter(() => g.may());
    const sizes = new Map([...letters].map((letter, i) => [letter, x.dims[i]!]));
    const other = own.length > 0 ? g.floats(...own.map((letter) => sizes.get(letter)!)) : undefined;
    const terms = [letters, ...(other ? [own.join('')] : [])];
    const names = [x.name, ...(other ? [other.name] : [])];
    const equation: Attribute = { string: `${terms.join(',')}->${kept.join('')}` };
    g.give(
      g.put('Einsum', names, { equation }),
      kept.map((letter) => sizes.get(letter)!),
    );
  },
};
