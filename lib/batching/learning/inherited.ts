// What is taken over from another load, where one is new.
//
// The rule it keeps: what full batches took at one load holds at another that fills them as well; so it begins with what was best of those, and
// questions the rest the later, the worse it was. Of what only the other load could fill, nothing is taken over.

import { type Known, LoadLevel } from './load-level.js';
import type { Cell } from './surface.js';

/** What takes less than so many times what the same setting with smaller batches takes is begun with instead. */
const clearly = 0.98;
/** After how many groups it is tried here, by how many times as long it took. */
const after = (ratio: number) => (ratio > 1.3 ? 256 : ratio > 1.1 ? 128 : 32);

/**
 * A level for a load that can fill what `fits`. `filled` is the other's present setting, with smaller batches where they must be; `larger` are
 * its sizes beyond that, ascending.
 */
export function inherited(
  from: LoadLevel,
  filled: Cell,
  larger: readonly Cell[],
  fits: (cell: Cell) => boolean,
): LoadLevel {
  const shown = new Map<Cell, Known>([
    [from.present, { ratio: 1, groups: from.seen, tried: 0, after: 0 }],
    ...[...from.known].filter(([, known]) => known.groups > 0 || known.tried === 0),
  ]);
  // Smaller batches than those that were left for being worse are no better than they.
  const least = shown.get(filled) ?? larger.map((cell) => shown.get(cell)).find((known) => known !== undefined);
  let [present, ratio] = [filled, (least?.ratio ?? 1) * clearly];
  for (const [cell, known] of shown) {
    if (known.ratio < ratio && fits(cell)) [present, ratio] = [cell, known.ratio];
  }
  const level = new LoadLevel(present);
  const own = shown.get(present)?.ratio;
  if (own === undefined) return level;
  for (const [cell, known] of shown) {
    if (cell === present || !fits(cell)) continue;
    const relative = known.ratio / own;
    level.known.set(cell, { ratio: relative, groups: known.groups, tried: 0, after: after(relative) });
  }
  return level;
}
