// What a check of the packages is, and what it gets: types alone.

/**
 * What every check gets.
 * @typedef {object} Surroundings
 * @property {string} registry its address
 * @property {string} version tensorlane's
 * @property {string} other another one, of the same
 * @property {string} tools the folder of the package managers, bundlers and runtimes
 * @property {(name: string) => string} folder an empty one, whose path has a blank and an umlaut
 */

/** A `long` one is made only where it is named. @typedef {{ name: string, long?: boolean, run(surroundings: Surroundings): Promise<void> }} Check */

export {};
