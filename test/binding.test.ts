// binding.d.ts is the addon's exact surface: what it declares is there, and nothing else is.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const addon: Record<string, unknown> = process.env.TENSORLANE_ADDON
  ? require(process.env.TENSORLANE_ADDON)
  : require('node-gyp-build')(root);
const text = readFileSync(new URL('../binding.d.ts', import.meta.url), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');

const ofEveryFunction = ['length', 'name', 'prototype', 'arguments', 'caller'];
const names = (pattern: RegExp, within: string) => [...within.matchAll(pattern)].map((match) => match[1] as string);
const classes = new Map(
  [...text.matchAll(/^export class (\w+) \{([\s\S]*?)^\}/gm)].map((match) => [match[1] as string, match[2] as string]),
);

test('the addon exports what binding.d.ts declares, and no more', () => {
  const declared = [...names(/^export (?:const|function) (\w+)/gm, text), ...classes.keys()];
  expect(Object.keys(addon).sort()).toEqual(declared.sort());
  for (const name of names(/^export function (\w+)/gm, text)) expect(addon[name], name).toBeTypeOf('function');
  expect(addon.version).toBe(JSON.parse(readFileSync(`${root}/package.json`, 'utf8')).version);
  expect(addon.copyUpTo).toBeTypeOf('number');
  const limits = /^export const limits: \{([\s\S]*?)^\};/m.exec(text)![1]!;
  expect(Object.keys(addon.limits as object).sort()).toEqual(names(/readonly (\w+): number/g, limits).sort());
});

test.each([...classes])('class %s has exactly the declared methods', (name, body) => {
  const actual = addon[name] as { prototype: object } & object;
  const methods = names(/^ {2}(\w+)[<(]/gm, body).filter((method) => method !== 'constructor');
  const statics = names(/^ {2}static (\w+)\(/gm, body);
  expect(Object.getOwnPropertyNames(actual.prototype).sort()).toEqual(['constructor', ...methods].sort());
  expect(Object.getOwnPropertyNames(actual).filter((key) => !ofEveryFunction.includes(key))).toEqual(statics);
});

test('a class that only the addon makes refuses to be made, and a method refuses a foreign this', () => {
  for (const name of ['Device', 'Model', 'Event', 'Buffer', 'Kernel']) {
    const Class = addon[name] as new () => object;
    expect(() => new Class(), name).toThrow(/made by/);
  }
  const { prototype } = addon.Device as { prototype: { describe(): unknown } };
  expect(() => prototype.describe.call({})).toThrow();
});
