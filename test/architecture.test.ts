// The house of lib/ stands: its files import each other in no circle, and each room only from rooms below it. Types count
// as much as values, because a circle of them is as hard to read. So do those of packages/ and scripts/, of which no order of rooms is
// asked.

import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** From the ground up. Rooms of one floor know nothing of each other; `binding.d.ts` declares what the addon is. */
const floors: readonly (readonly string[])[] = [
  ['core'],
  ['tensor', 'batching'],
  ['binding.d.ts'],
  ['addon'],
  ['runtime', 'json'],
  ['linalg', 'ops', 'model'],
  ['device'],
  ['metrics', 'index.ts', 'cli'],
];
/** Rooms that take from fewer than all floors below them. */
const allowed: Readonly<Record<string, readonly string[]>> = { core: [], batching: ['core'] };

interface Import {
  readonly from: string;
  readonly to: string;
  /** Whether it is there at run time, too. */
  readonly loads: boolean;
}

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const filesIn = (folder: string) =>
  readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(c?ts|mjs)$/.test(file) && !file.includes('node_modules/'))
    .map((file) => `${folder}/${file}`);
const files = [...filesIn('lib'), 'binding.d.ts'];

/** `import`, `export ... from` and `import()` of the files of this repository, by path. */
function importsOf(file: string, text: string): Import[] {
  const statements = text.matchAll(/^(?:import|export)\s(?:(type\s)?[^;'"]*?from\s)?['"](\.[^'"]+)['"]/gm);
  const calls = text.matchAll(/\bimport\(()['"](\.[^'"]+)['"]\)/g);
  return [...statements, ...calls].map(([, type, name]) => {
    const path = posix.join(posix.dirname(file), name!);
    const to = path === 'binding.js' ? 'binding.d.ts' : path.replace(/\.(c?)js$/, '.$1ts');
    return { from: file, to, loads: !type };
  });
}

function readImports(of: readonly string[]): Import[] {
  return of.flatMap((file) => importsOf(file, readFileSync(`${root}/${file}`, 'utf8')));
}

const roomOf = (file: string) => file.replace(/^lib\//, '').split('/')[0]!;
const floorOf = (room: string) => floors.findIndex((rooms) => rooms.includes(room));

/** The first circle that is found, in words. */
function findCircle(imports: readonly Import[]): string | undefined {
  const next = new Map<string, string[]>();
  for (const { from, to } of imports) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const walk = (file: string, way: readonly string[]): string | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file].join(' -> ');
    if (done.has(file)) return undefined;
    for (const to of next.get(file) ?? []) {
      const circle = walk(to, [...way, file]);
      if (circle !== undefined) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of next.keys()) {
    const circle = walk(file, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/** Imports that lead to a room which is not below. */
function findWrongWays(imports: readonly Import[]): string[] {
  return imports.flatMap(({ from, to }) => {
    const [own, other] = [roomOf(from), roomOf(to)];
    // An addon's tensors are ours, so its declaration names our types.
    if (own === other || (own === 'binding.d.ts' && other === 'tensor')) return [];
    if (floorOf(own) === -1) return [`${from}: its room '${own}' is on no floor; put it on one in this test`];
    const below = floors.slice(0, floorOf(own)).flat();
    const mayImport = allowed[own] ?? below;
    return mayImport.includes(other)
      ? []
      : [`${from} imports ${to}: ${own} may import ${mayImport.join(', ') || 'nothing'}`];
  });
}

/** What is loaded with a file at run time. */
function loadedWith(entry: string, imports: readonly Import[]): Set<string> {
  const loaded = new Set([entry]);
  for (const file of loaded) for (const { from, to, loads } of imports) if (loads && from === file) loaded.add(to);
  return loaded;
}

describe('lib/', () => {
  const imports = readImports(files);

  test('all of its files are read, and what they import is there', () => {
    expect(imports.length).toBeGreaterThan(200);
    expect(imports.filter(({ to }) => !files.includes(to))).toEqual([]);
  });

  test('no files import each other in a circle', () => {
    expect(findCircle(imports)).toBeUndefined();
  });

  test('each room imports only from rooms below it', () => {
    expect(findWrongWays(imports)).toEqual([]);
  });

  test.each(['lib/batching/index.ts', 'lib/metrics/index.ts'])('%s loads no addon', (entry) => {
    const rooms = new Set([...loadedWith(entry, imports)].map(roomOf));
    expect([...rooms].filter((room) => floorOf(room) >= floorOf('addon') && room !== roomOf(entry))).toEqual([]);
  });
});

test.each(readdirSync(`${root}/packages`))('no files of packages/%s import each other in a circle', (name) => {
  const imports = readImports(filesIn(`packages/${name}/lib`));
  expect(imports.length).toBeGreaterThan(20);
  expect(findCircle(imports)).toBeUndefined();
});

test('no files of scripts/ import each other in a circle, nor do types in their comments', () => {
  const imports = readImports(filesIn('scripts'));
  expect(imports.filter(({ from }) => from.startsWith('scripts/package/check/')).length).toBeGreaterThan(40);
  expect(findCircle(imports)).toBeUndefined();
});

describe('this test sees', () => {
  const file = 'lib/ops/one.ts';
  const edge = (from: string, to: string): Import => ({ from, to, loads: false });

  test('every kind of import', () => {
    const text = `
import type { A } from './two.js';
import {
  b,
  type C,
} from '../core/three.js';
export * from './four.js';
export type { D } from '../tensor/five.js';
import './six.js';
import { join } from 'node:path';
const late = await import('../device/seven.js');
/** @type {import('./eight.mjs').Eight} */`;
    expect(importsOf(file, text).map(({ to, loads }) => `${to} ${loads}`)).toEqual([
      'lib/ops/two.ts false',
      'lib/core/three.ts true',
      'lib/ops/four.ts true',
      'lib/tensor/five.ts false',
      'lib/ops/six.ts true',
      'lib/device/seven.ts true',
      'lib/ops/eight.mjs true',
    ]);
  });

  test('a circle, and who is in it', () => {
    const circle = [edge('a', 'b'), edge('b', 'c'), edge('c', 'b')];
    expect(findCircle(circle)).toBe('b -> c -> b');
    expect(findCircle(circle.slice(0, 2))).toBeUndefined();
  });

  test('an import from above, from beside, and from a room that is on no floor', () => {
    expect(findWrongWays([edge('lib/linalg/a.ts', 'lib/device/b.ts')])).toEqual([
      expect.stringMatching(/^lib\/linalg\/a\.ts imports lib\/device\/b\.ts: linalg may import core, .*runtime, json$/),
    ]);
    expect(findWrongWays([edge('lib/ops/a.ts', 'lib/linalg/b.ts')])).toHaveLength(1);
    expect(findWrongWays([edge('lib/batching/a.ts', 'lib/addon/b.ts')])).toEqual([
      'lib/batching/a.ts imports lib/addon/b.ts: batching may import core',
    ]);
    expect(findWrongWays([edge('lib/core/a.ts', 'lib/tensor/b.ts')])).toEqual([expect.stringMatching(/nothing/)]);
    expect(findWrongWays([edge('lib/attic/a.ts', 'lib/core/b.ts')])).toEqual([expect.stringMatching(/on no floor/)]);
    expect(findWrongWays([edge('lib/device/a.ts', 'lib/ops/b.ts')])).toEqual([]);
  });
});

test('what a command of package.json starts loads in a clone where npm has installed nothing', () => {
  const commands = Object.values((JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as Manifest).scripts);
  const scripts = commands.flatMap((command) => /^node (scripts\/[\w-]+\.mjs)/.exec(command)?.[1] ?? []);
  expect(scripts).toContain('scripts/package.mjs');
  const seen = new Set(scripts);
  const problems: string[] = [];
  for (const file of seen) {
    const imports = readFileSync(`${root}/${file}`, 'utf8').matchAll(
      /^(?:import|export)\s(?:[^;'"]*?from\s)?['"]([^'"]+)['"]/gm,
    );
    for (const [, name] of imports) {
      if (name!.startsWith('.')) seen.add(posix.join(posix.dirname(file), name!));
      else if (!name!.startsWith('node:')) problems.push(`${file} imports ${name}`);
    }
  }
  expect(seen.size).toBeGreaterThan(scripts.length);
  expect(problems).toEqual([]);
});
