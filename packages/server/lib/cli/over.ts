// The command's options on top of those of a configuration.
//
// The rule: what the command says takes the place of that alone, not of what is said beside it. A list, a choice of versions and a logger are
// one thing each; tokens are one, too, wherever they come from: who names others means these. What is wrong in a configuration stays in it, for
// who checks options to tell of it.

import type { OpenOptions } from 'tensorlane';
import { mergedLoad } from '../engine/options.js';
import type { ServerOptions } from '../server.js';

type Options = Readonly<Record<string, unknown>>;

/** What is undefined in `said` is not said. */
export function over(config: ServerOptions, said: ServerOptions): ServerOptions {
  return {
    ...keysOver(config, said),
    limits: keysOver(config.limits, said.limits),
    trace: keysOver(config.trace, said.trace),
    tls: keysOver(config.tls, said.tls),
    auth: eachOver(config.auth, said.auth, accessOver),
    load: merged(config.load, said.load, mergedLoad),
    models: eachOver(config.models, said.models, keysOver),
    device: deviceOver(config.device, said.device),
  };
}

/** Not what is of a class, as a device that is open. */
function isPlain(value: unknown): value is Options {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function merged<T>(below: T, above: T, merge: (below: NonNullable<T>, above: NonNullable<T>) => T): T {
  if (below === undefined || above === undefined || above === null) return above ?? below;
  return isPlain(below) ? merge(below, above) : below;
}

function saidIn(options: object): [string, unknown][] {
  return Object.entries(options).filter(([, value]) => value !== undefined);
}

function keysOver<T>(below: T, above: T): T {
  return merged(below, above, (one, other) => ({ ...one, ...Object.fromEntries(saidIn(other)) }));
}

/** By the names that both have. */
function eachOver<T>(below: T, above: T, merge: (below: unknown, above: unknown) => unknown): T {
  return merged(below, above, (one, other) => {
    const both = saidIn(other).map(([name, value]) => [name, merge((one as Options)[name], value)]);
    return { ...one, ...Object.fromEntries(both) };
  });
}

/** Certificates are another way in, which stays. */
function accessOver(below: unknown, above: unknown): unknown {
  return merged(below, above, (one, other) => {
    const { tokens: _tokens, tokenFile: _file, tokenVariable: _variable, ...rest } = one as Options;
    return { ...rest, ...other };
  });
}

/** A name is short for `{ device: name }`, and means one, not several. What is open already has its options, and another is meant. */
function deviceOver(below: ServerOptions['device'], above: ServerOptions['device']): ServerOptions['device'] {
  const options = (device: ServerOptions['device']) => (typeof device === 'string' ? { device } : device);
  if (above === undefined || !isPlain(options(below))) return above ?? below;
  const [one, other] = [options(below) as OpenOptions | undefined, options(above) as OpenOptions];
  if (other.device === undefined || one === undefined) return keysOver(one, other);
  const { devices: _, ...rest } = one;
  return keysOver(rest, other);
}
