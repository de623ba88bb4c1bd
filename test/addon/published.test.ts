// The packages that are published: what their binaries may need of a system, and what is in the one of the library.

import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { runNode } from '../support/processes.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const script = (name: string) => import(/* @vite-ignore */ join(root, 'scripts', 'package', name));

interface Manifest {
  version: string;
  files: string[];
  scripts?: unknown;
  dependencies: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies: Record<string, string>;
  exports: Record<string, string | { require: Entry; default: Entry }>;
}
interface Entry {
  types: string;
  default: string;
}
const temporary = mkdtempSync(join(tmpdir(), 'tensorlane-published-'));
afterAll(() => rmSync(temporary, { recursive: true }));

const read = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** Compiles sources into a shared library. */
function library(file: string, source: string, ...options: string[]): void {
  writeFileSync(`${file}.cpp`, source);
  execFileSync('c++', ['-shared', '-fPIC', '-o', file, `${file}.cpp`, ...options]);
}

test.runIf(process.platform === 'linux')(
  'a binary that would not run everywhere is told of, by file and symbol',
  async () => {
    const { checkBinaries } = (await script('symbols.mjs')) as { checkBinaries(folder: string, tools: string): void };
    const folder = join(temporary, 'binaries');
    mkdirSync(folder);
    const runtime = join(root, 'node_modules', 'onnxruntime-node', 'bin', 'napi-v6', 'linux', process.arch);
    copyFileSync(join(runtime, 'libonnxruntime.so.1'), join(folder, 'libonnxruntime.so.1'));
    checkBinaries(folder, '');

    // A glibc that is newer than any, and an addon that takes something of it.
    const versions = join(temporary, 'versions');
    writeFileSync(versions, 'GLIBC_2.28 { old_one; }; GLIBC_2.99 { new_one; };');
    const glibc = join(temporary, 'libc.so.6');
    const soname = '-Wl,-soname,libc.so.6';
    library(glibc, 'extern "C" { void old_one() {} void new_one() {} }', soname, `-Wl,--version-script=${versions}`);
    const uses = (name: string) => `extern "C" { void ${name}(); void use() { ${name}(); } }`;
    const addon = join(folder, 'addon.node');
    library(addon, uses('old_one'), '-nodefaultlibs', glibc);
    checkBinaries(folder, '');
    library(addon, uses('new_one'), '-nodefaultlibs', glibc);
    expect(() => checkBinaries(folder, '')).toThrow('addon.node: new_one is of GLIBC_2.99');
    library(addon, uses('unknown_one'), '-nodefaultlibs');
    expect(() => checkBinaries(folder, '')).toThrow('addon.node: unknown_one comes from nowhere');
    library(addon, uses('napi_something'), '-nodefaultlibs');
    checkBinaries(folder, '');
    copyFileSync(join(runtime, 'onnxruntime_binding.node'), addon);
    expect(() => checkBinaries(folder, '')).toThrow('addon.node: it needs libonnxruntime.so.1');
    writeFileSync(addon, 'this is no library');
    expect(() => checkBinaries(folder, '')).toThrow('addon.node: objdump cannot read it');
  },
);

let made: Promise<string> | undefined;
async function libraryPackage(): Promise<string> {
  const { makeLibraryPackage } = (await script('library.mjs')) as {
    makeLibraryPackage(folder: string): Promise<string>;
  };
  made ??= makeLibraryPackage(join(temporary, 'tensorlane'));
  return made;
}

interface Packed {
  files: { path: string }[];
}

test('what its pages lead to is in the package, and nothing that was built beside them', async () => {
  const folder = await libraryPackage();
  const listing = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', folder], {
    encoding: 'utf8',
  });
  const [{ files }] = JSON.parse(listing) as [Packed];
  const names = new Set(files.map(({ path }) => path));
  const pages = [...names].filter((name) => name.endsWith('.md'));
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'docs/install.md', 'examples/README.md']));
  const lost = pages.flatMap((page) => {
    const links = [...readFileSync(join(folder, page), 'utf8').matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g)];
    const leadTo = links.map(([, link]) => join(dirname(page), link!));
    return leadTo.filter((file) => !names.has(file)).map((file) => `${page}: ${file}`);
  });
  expect(lost).toEqual([]);
  expect([...names].filter((name) => /^docs\/site|node_modules|\.next/.test(name))).toEqual([]);
});

test('the library asks for the packages of the platforms of its very version, and runs nothing when it is installed', async () => {
  const folder = await libraryPackage();
  const { version, scripts, dependencies, devDependencies, optionalDependencies, exports } = read(folder);
  expect(optionalDependencies).toEqual({ '@tensorlane/linux-arm64': version, '@tensorlane/linux-x64': version });
  expect([scripts, devDependencies]).toEqual([undefined, undefined]);
  expect(Object.keys(dependencies)).not.toContain('onnxruntime-node');
  for (const file of ['dist/index.js', 'dist/index.d.ts', 'dist/cli/main.js', 'binding.d.ts', 'README.md', 'LICENSE'])
    expect(existsSync(join(folder, file)), file).toBe(true);
  // Few files, because opening them is what an import costs, with all that the modules have, under the same names.
  const modules = readdirSync(join(folder, 'dist'), { recursive: true, encoding: 'utf8' });
  expect(modules.filter((file) => /\.c?js$/.test(file)).length).toBeLessThan(20);
  // The programs take from the one file what they have of the library.
  const code = (file: string) => readFileSync(join(folder, file), 'utf8');
  expect(code('cjs/dist/tensorlane.js')).toContain('TensorlaneError = class');
  for (const program of ['cli/main.js', 'cli/doctor/probe.js', 'addon/probe.js', 'addon/driver-probe.js'])
    expect(code(`dist/${program}`), program).not.toContain('TensorlaneError = class');
  const entries = Object.entries(exports).flatMap(([name, entry]) =>
    typeof entry === 'string' ? [] : [{ name, entry }],
  );
  expect(entries.map(({ name }) => name)).toEqual(['.', './batching', './json', './metrics']);
  for (const { name, entry } of entries) {
    const own = await namesIn([join(root, entry.default.default)]);
    // One copy, however it comes in.
    const both = [join(folder, entry.default.default), join(folder, entry.require.default)];
    expect(await namesIn(both), name).toEqual({ ...own, same: true });
    for (const { types } of Object.values(entry)) expect(existsSync(join(folder, types)), types).toBe(true);
  }
});

/** What a module gives, with the names by which errors and inspections show it; and whether `require` of another one gives the same. */
async function namesIn([imported, required = imported]: string[]) {
  const program = `
    import { createRequire } from 'node:module';
    const [imported, required] = process.argv.slice(1);
    const module = await import(imported);
    const other = createRequire(import.meta.url)(required);
    const entries = Object.entries(module).filter(([key]) => key !== 'module.exports');
    const names = Object.fromEntries(entries.map(([key, value]) => [key, value.name ?? null]));
    console.log(JSON.stringify({ names, same: entries.every(([key, value]) => other[key] === value) }));`;
  const args = ['--no-warnings', '--input-type=module', '--eval', program, imported!, required!];
  const { code, stdout, stderr } = await runNode(args);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as { names: Record<string, string | null>; same: boolean };
}

test("the types that TypeScript 5.7 made generic are named as they always were, so that older ones take the package's", () => {
  const folders = [root, ...readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name))];
  const generic = /\b(?:\w+Array|Buffer|DataView)<(?:Shared)?ArrayBuffer(?:Like)?>/;
  const found = folders.flatMap((folder) => {
    const names = readdirSync(join(folder, 'dist'), { recursive: true, encoding: 'utf8' });
    const declarations = names.filter((name) => name.endsWith('.d.ts')).map((name) => join(folder, 'dist', name));
    return declarations.filter((file) => generic.test(readFileSync(file, 'utf8')));
  });
  expect(found).toEqual([]);
});

test('a clone asks for none of them: before a release there are none', () => {
  const { optionalDependencies, devDependencies } = read(root);
  expect(optionalDependencies).toBeUndefined();
  expect(Object.keys(devDependencies ?? {})).toContain('onnxruntime-node');
});
