// Models that are made of others: ensembles. In which order all of them come, and when one has to be looked at again.

import type { FoundVersion, FoundVersions } from '../repository/scan.js';

/** Tells what is served of a model from what was served of it at any other time. */
type Served = (name: string) => string;

const partsOf = ({ config }: FoundVersion) =>
  (config?.config.ensemble_scheduling?.step ?? []).map(({ model_name: name }) => name);

/** Ensembles after the models that they are made of, as far as nothing runs in a circle. */
export function dependentsLast(found: ReadonlyMap<string, FoundVersions>): [string, FoundVersions][] {
  const depths = new Map<string, number>();
  const depthOf = (name: string): number => {
    const versions = found.get(name);
    const known = depths.get(name);
    if (versions === undefined || known !== undefined) return known ?? 0;
    depths.set(name, 0);
    const parts = [...versions.values()].flatMap(partsOf);
    const depth = Math.max(0, ...parts.map((part) => 1 + depthOf(part)));
    depths.set(name, depth);
    return depth;
  };
  return [...found].sort(([a], [b]) => depthOf(a) - depthOf(b));
}

/** An ensemble is another when something else is served of its parts, other versions or other files: it is checked against them anew. */
export function withParts(versions: FoundVersions, served: Served): FoundVersions {
  if (![...versions.values()].some((one) => partsOf(one).length > 0)) return versions;
  const whole = (found: FoundVersion) => {
    const parts = partsOf(found).map((name) => `${name} ${served(name)}`);
    return { ...found, fingerprint: [found.fingerprint, ...parts].join('\n') };
  };
  return new Map([...versions].map(([version, found]) => [version, whole(found)]));
}
