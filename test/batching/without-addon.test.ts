// tensorlane/batching works where the native addon does not: nothing of it loads one.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { printedBy } from '../support/processes.js';

const root = new URL('../../', import.meta.url);

/** Runs a module as a user's program would be, in a process that has no addon and refuses whatever native it is to load. */
async function run(code: string): Promise<Record<string, unknown>> {
  const prelude = `process.dlopen = (module, file) => { throw new Error('native code was loaded: ' + file); };\n`;
  const printed = await printedBy(prelude + code, { env: { TENSORLANE_ADDON: '/nowhere/tensorlane.node' } });
  return JSON.parse(printed) as Record<string, unknown>;
}

const built = (file: string) => JSON.stringify(new URL(`dist/${file}`, root).href);

test('batched() keeps a delay of a fraction of a millisecond, and loads nothing native', async () => {
  const seen = await run(`
    const { batched } = await import(${built('batching/index.js')});
    const double = batched(async (items) => items.map((item) => item * 2), { maxQueueDelayMicros: 300 });
    const started = performance.now();
    const results = await Promise.all([1, 2, 3].map((item) => double.run(item)));
    const micros = (performance.now() - started) * 1000;
    const { closed } = double.stats().batches;
    const native = process.report.getReport().sharedObjects.filter((file) => /[.]node$|tensorlane|openblas|onnx/i.test(file));
    console.log(JSON.stringify({ results, micros, delayed: closed.delay, native }));
  `);
  expect(seen).toMatchObject({ results: [2, 4, 6], delayed: 1, native: [] });
  expect(seen.micros).toBeGreaterThanOrEqual(300);
});

test('what was cancelled keeps no process alive', async () => {
  const seen = await run(`
    const { batched } = await import(${built('batching/index.js')});
    const slow = batched(async (items) => items, { maxQueueDelayMicros: 1e9 });
    const controller = new AbortController();
    const gone = slow.run(1, { signal: controller.signal, timeoutMicros: 2e9 }).catch(({ code }) => code);
    await new Promise((resolve) => setImmediate(resolve));
    const waiting = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    controller.abort();
    const code = await gone;
    const left = process.getActiveResourcesInfo().filter((kind) => /Timeout|Immediate/.test(kind));
    console.log(JSON.stringify({ waiting, code, left }));
  `);
  expect(seen).toEqual({ waiting: 2, code: 'ERR_ABORTED', left: [] });
});

test('a device does need it: the checks above can fail', async () => {
  const seen = await run(`
    const { open } = await import(${built('index.js')});
    const failure = await open('cpu').then(() => undefined, (error) => error);
    console.log(JSON.stringify({ code: failure?.code, message: failure?.message }));
  `);
  expect(seen).toMatchObject({
    code: expect.stringMatching(/^ERR_/),
    message: expect.stringContaining('tensorlane.node'),
  });
});

test('lib/batching needs nothing of the library but lib/core', () => {
  const folder = new URL('lib/batching/', root);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const imports = files.flatMap((name) => {
    const file = new URL(name, folder);
    const named = Array.from(readFileSync(file, 'utf8').matchAll(/from '([^']+)'/g), ([, specifier]) => specifier!);
    return named.map((specifier) => (specifier.startsWith('.') ? new URL(specifier, file).href : specifier));
  });
  expect(imports.length).toBeGreaterThan(50);
  const allowed = ['node:', folder.href, new URL('lib/core/', root).href];
  expect(imports.filter((name) => !allowed.some((start) => name.startsWith(start)))).toEqual([]);
});
