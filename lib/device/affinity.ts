// Which cores each lane of a device is bound to.

import { wrong } from '../core/arguments.js';

/** true: a core for each lane, in turns. Else for each lane, in turns, a core or several. */
export type Affinity = true | readonly (number | readonly number[])[];

/** None: lanes are not bound. `usable`: the cores that the process may run on. Errors: ERR_ARGUMENT. */
export function lanesCores(given: unknown, usable: () => readonly number[]): number[][] {
  if (given === undefined || given === false) return [];
  if (given === true) return usable().map((core) => [core]);
  const cores = usable();
  const isCore = (core: unknown) => cores.includes(core as number);
  const isPlace = (place: unknown) => (Array.isArray(place) ? place.length > 0 && place.every(isCore) : isCore(place));
  if (Array.isArray(given) && given.length > 0 && given.every(isPlace)) {
    return given.map((place: number | readonly number[]) => [place].flat());
  }
  throw wrong(
    `open: affinity must be true or, for each lane, a core or several of those that this process may run on (${cores.join(', ') || 'none can be told here'})`,
    given,
  );
}
