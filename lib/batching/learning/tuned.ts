// What a model has learned of how it is best served, as plain data.

import { namesOf, plainObject, refuseUnknown, requiredWholeNumber, wrong } from '../../core/arguments.js';

/** A setting that was tried, and how many times as long as with the best one a row took. */
export interface TunedSetting {
  readonly rows: number;
  readonly atOnce: number;
  readonly threads: number;
  readonly ratio: number;
}

/** What was best while so many rows, or up to twice as many, were queued or running. */
export interface TunedLoad {
  /** A power of two. */
  readonly load: number;
  readonly rows: number;
  readonly atOnce: number;
  readonly threads: number;
  readonly others: readonly TunedSetting[];
}

/** What was learned of rows a batch, batches at once and threads a run; to be kept as JSON and given to a later load. */
export interface Tuned {
  readonly version: 1;
  readonly loads: readonly TunedLoad[];
  /** What `tensorlane tune` measured, for people and for `tensorlane plan`; the scheduler does not read it. */
  readonly measured?: unknown;
}

const tunedNames = namesOf<Tuned>({ version: true, loads: true, measured: true });
const loadNames = namesOf<TunedLoad>({ load: true, rows: true, atOnce: true, threads: true, others: true });
const settingNames = namesOf<TunedSetting>({ rows: true, atOnce: true, threads: true, ratio: true });

/** Errors: ERR_ARGUMENT. */
export function checkedTuned(given: unknown): Tuned {
  const tuned: Partial<Tuned> = plainObject('tuned', given as object);
  refuseUnknown(tuned, tunedNames, 'tuned');
  if (tuned.version !== 1) throw wrong('tuned.version must be 1', tuned.version);
  array('tuned.loads', tuned.loads).forEach((load, i) => {
    const name = `tuned.loads[${i}]`;
    refuseUnknown(plainObject(name, load as object), loadNames, name);
    const { load: rows, others } = load as Partial<TunedLoad>;
    if (!Number.isInteger(Math.log2(requiredWholeNumber(`${name}.load`, rows, 1)))) {
      throw wrong(`${name}.load must be a power of two`, rows);
    }
    checkSetting(name, load as Partial<TunedLoad>);
    array(`${name}.others`, others).forEach((other, j) => {
      const what = `${name}.others[${j}]`;
      refuseUnknown(plainObject(what, other as object), settingNames, what);
      checkSetting(what, other as Partial<TunedSetting>);
      const { ratio } = other as Partial<TunedSetting>;
      if (typeof ratio !== 'number' || !(ratio > 0 && ratio < Number.POSITIVE_INFINITY)) {
        throw wrong(`${what}.ratio must be a number above 0`, ratio);
      }
    });
  });
  return tuned as Tuned;
}

function checkSetting(name: string, { rows, atOnce, threads }: Partial<Omit<TunedSetting, 'ratio'>>): void {
  requiredWholeNumber(`${name}.rows`, rows, 1);
  requiredWholeNumber(`${name}.atOnce`, atOnce, 1);
  requiredWholeNumber(`${name}.threads`, threads, 1);
}

function array(name: string, given: unknown): readonly unknown[] {
  if (!Array.isArray(given)) throw wrong(`${name} must be an array`, given);
  return Array.from(given); // what it leaves out is undefined, and not passed over
}

/** What a large load wants, in whatever order the loads are; of two for one load the last, which counts elsewhere, too. */
export function largestLoad(tuned: Tuned | undefined): TunedLoad | undefined {
  let largest: TunedLoad | undefined;
  for (const one of tuned?.loads ?? []) if (largest === undefined || one.load >= largest.load) largest = one;
  return largest;
}
