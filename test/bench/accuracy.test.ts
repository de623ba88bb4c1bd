// The page on accuracy holds what was judged, the worst of each kind, and is otherwise left as it is.

import { expect, test } from 'vitest';
import { type Case, filledPage, type Told, worst } from '../../bench/accuracy/page.js';

const told = (about: Partial<Case>, tensorlane: Record<string, number>, numpy: Record<string, number>): Told => ({
  case: { name: '', operation: 'svd', kind: 'graded', n: 4, type: 'float32', dims: [1, 4, 4], sides: null, ...about },
  tensorlane,
  numpy,
});
const all = [
  told({}, { residual: 0.5, values: 3 }, { residual: 0.25, values: 1e12 }),
  told({ n: 64 }, { residual: 0.75 }, { residual: 0.125 }),
  told({ type: 'float64' }, { residual: 0.000123, values: 2 }, { residual: Number.NaN, values: 4 }),
];

test('a row for each measure, with the largest error over all sizes', () => {
  const page = filledPage('before\n<!-- accuracy -->\nold\n<!-- end of accuracy -->\nafter\n', all, 'numpy 9');
  expect(page).toBe(`before
<!-- accuracy -->

numpy 9.

| operation | matrices | measure | float32 | numpy | float64 | numpy |
| --- | --- | --- | --- | --- | --- | --- |
| \`svd\` | graded | residual | 0.75 | 0.25 | 0.00012 | NaN |
| \`svd\` | graded | values | 3 | 1e+12 | 2 | 4 |

<!-- end of accuracy -->
after
`);
});

test('the largest error of all is NaN where one is', () => {
  expect(worst(all.map(({ tensorlane }) => tensorlane))).toBe(3);
  expect(worst(all.map(({ numpy }) => numpy))).toBeNaN();
});
