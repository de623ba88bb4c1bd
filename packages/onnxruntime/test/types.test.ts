// The package's declarations need onnxruntime-common alone.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Model } from 'tensorlane';
import { afterAll, expect, expectTypeOf, test } from 'vitest';
import type { SessionModel } from '../lib/session/model.js';
import { compiled, typeScriptClient } from './client.js';

const require = createRequire(import.meta.url);
const client = await typeScriptClient();
afterAll(() => client.remove());

/** The modules that a declaration and those that it imports name, without their own. */
function namedBy(file: string, seen = new Set<string>()): Set<string> {
  const named = new Set<string>();
  seen.add(file);
  // Wherever it may stand: import, export ... from, import(), declare module, and the directives.
  for (const [, name] of readFileSync(file, 'utf8').matchAll(
    /(?:\bfrom|\bimport|\bmodule|\brequire)\s*\(?\s*['"]([^'"]+)['"]/g,
  )) {
    if (!name!.startsWith('.')) named.add(name!);
    else {
      const next = join(dirname(file), `${name!.replace(/\.js$/, '')}.d.ts`);
      if (!seen.has(next)) for (const one of namedBy(next, seen)) named.add(one);
    }
  }
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/^\/\/\/\s*<reference[^>]*"([^"]+)"/gm)) named.add(name!);
  return named;
}

test.each(['index', 'binding', 'backend'])('%s.d.ts names no module but onnxruntime-common', (name) => {
  const file = join(client.folder, 'node_modules', 'onnxruntime-node', 'dist', `${name}.d.ts`);
  expect([...namedBy(file)].filter((module) => module !== 'onnxruntime-common')).toEqual([]);
  if (name === 'index') expect([...namedBy(file)]).toEqual(['onnxruntime-common']);
});

test('a client compiles that has no tensorlane and no types of Node’s, its libraries checked', () => {
  const typescript = dirname(require.resolve('typescript/package.json'));
  expect(compiled(client.folder, typescript, { module: 'node16' })).toBe('');
});

test('what a session gives is what tensorlane’s model has', () => {
  expectTypeOf<Model>().toExtend<SessionModel>();
  // Whoever has tensorlane's types may have all of it.
  expectTypeOf((model: SessionModel) => (model as Model).sequence).returns.toEqualTypeOf<Model['sequence']>();
});
