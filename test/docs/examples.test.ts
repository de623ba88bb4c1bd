// Every code block of the README and of docs/ is true: TypeScript compiles and runs as a reader would paste it, commands exist,
// links lead somewhere, and the tables of codes leave nothing out.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { errorCodes } from '../../lib/core/errors.js';
import { type Page, preparePage, runExample, typeErrors } from './examples.js';
import { blocksOf } from './markdown.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
/** Its examples need a CUDA device: cuda.test.ts runs them. */
const onCuda = ['docs/cuda.md'];

const prepared = pages
  .filter((page) => blocksOf(read(page)).some(({ language }) => language === 'ts'))
  .map((page) => preparePage(page));

test('all examples compile', () => {
  expect(typeErrors(prepared)).toBe('');
});

/** Those that no other test runs. */
const runnable = ({ file, examples }: Page) =>
  onCuda.includes(file) ? [] : examples.filter(({ name }) => name === undefined);

describe.each(prepared.filter((page) => runnable(page).length > 0))('$file', (page) => {
  for (const example of runnable(page)) {
    test.concurrent(example.title, async ({ expect }) => {
      const { code, stdout, stderr } = await runExample(page, example.file);
      expect(code, stdout + stderr).toBe(0);
    });
  }
});

test('the server of the README answers, refuses what is wrong, and ends when it is told to', async () => {
  const page = prepared.find(({ file }) => file === 'README.md')!;
  const example = page.examples.find(({ name }) => name === 'server');
  expect(example, 'the README has no example named server').toBeDefined();
  let stop = () => {};
  let ended: ReturnType<typeof runExample> | undefined;
  const port = await new Promise<string>((resolve, reject) => {
    ended = runExample(page, example!.file, {
      env: { PORT: '0' },
      onOutput(printed, child) {
        stop = () => child.kill('SIGTERM');
        const found = /port: (\d+)/.exec(printed)?.[1];
        if (found !== undefined) resolve(found);
      },
    });
    ended.then(({ stderr }) => reject(new Error(`the server ended before it listened: ${stderr}`)), reject);
  });
  const ask = async (body: unknown) => {
    const response = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: JSON.stringify(body) });
    return [response.status, await response.json()];
  };
  const row = Array.from({ length: 16 }, (_, i) => i);
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(row)));
  for (const answer of answers) expect(answer).toEqual([200, row.map((x) => x * x)]);
  expect(await ask([1, 2, 3])).toMatchObject([400, { code: 'ERR_SHAPE' }]);
  stop();
  expect(await ended).toMatchObject({ code: 0, signal: null });
});

describe('commands', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

  test.each(pages)('%s names only scripts that there are', (file) => {
    const text = read(file);
    const shell = blocksOf(text).filter(({ language }) => language === 'sh');
    const code = [...shell.map(({ code }) => code), ...text.matchAll(/`[^`\n]+`/g)].join('\n');
    const named = [...code.matchAll(/\bnpm (?:run )?([a-z][a-z:]*)/g)].map(([, name]) => name!);
    const missing = named.filter(
      (name) => !(name in scripts) && !['ci', 'install', 'ls', 'run', 'pack'].includes(name),
    );
    expect(missing).toEqual([]);
  });
});

test('every option of a command is in docs/', () => {
  const commands = [
    ...readdirSync(join(root, 'lib/cli'), { recursive: true, encoding: 'utf8' })
      .filter((file) => /(command|types)\.ts$/.test(file))
      .map((file) => `lib/cli/${file}`),
    'packages/server/lib/cli/main.ts',
    'packages/bullmq/lib/cli/main.ts',
  ];
  const flags = commands.flatMap((file) =>
    [...read(file).matchAll(/^ *'?([\w-]+)'?: \{ type: '(?:string|boolean)'/gm)].map(([, name]) => `--${name}`),
  );
  expect(flags.length).toBeGreaterThan(50);
  const text = pages.map(read).join('\n');
  expect(flags.filter((flag) => !new RegExp(`${flag}\\b`).test(text))).toEqual([]);
});

describe('links', () => {
  /** As GitHub and the site name headings. */
  const anchorsOf = (text: string) =>
    [...text.replace(/^```.*?^```/gms, '').matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );

  test.each(pages)('%s leads only to what is there', (file) => {
    const links = [...read(file).matchAll(/\]\(([^)#\s]*)(?:#([^)]*))?\)/g)].filter(
      ([, target]) => !/^https?:/.test(target!),
    );
    const broken = links.filter(([, target, anchor]) => {
      const to = target === '' ? file : join(dirname(file), target!);
      if (!existsSync(join(root, to))) return true;
      return anchor !== undefined && !anchorsOf(read(to)).includes(anchor);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });
});

test("every page of docs/ is in the site's menu, which has no other", () => {
  const config = read('docs/site/.vitepress/config.mts');
  const menu = /const pages = \[(.*?)\] as const/s.exec(config)?.[1] ?? '';
  const listed = [...menu.matchAll(/\['([\w-]+)', /g)].map(([, name]) => `docs/${name}.md`);
  expect(listed.sort()).toEqual(pages.filter((page) => page.startsWith('docs/')).sort());
});

test('docs/errors.md has an entry for every code, with cause and remedy', () => {
  const text = read('docs/errors.md');
  const entries = new Map(
    text
      .split(/^## /m)
      .slice(1)
      .map((entry) => [entry.split('\n')[0]!, entry]),
  );
  expect([...entries.keys()].sort()).toEqual([...errorCodes].sort());
  for (const [code, entry] of entries) {
    expect(entry, code).toContain('**Cause:**');
    expect(entry, code).toContain('**Remedy:**');
  }
});
