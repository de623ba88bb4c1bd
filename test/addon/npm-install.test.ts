// `npm install tensorlane`, as a user runs it: the tarballs that are published, from a registry that has them and what they depend on,
// into an empty folder whose path has a blank and an umlaut, on a machine without compilers, with scripts off and no network.
//
// The platform's package has the addon that the tests run with in place of the one that `npm run package` takes minutes to make.

import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Manifest, type Registry, startRegistry } from '../support/registry.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const script = (...name: string[]) => import(/* @vite-ignore */ join(root, 'scripts', ...name));
const addon = process.env.TENSORLANE_ADDON || join(root, 'build', 'Release', 'tensorlane.node');

interface Project {
  readonly folder: string;
  command(...command: string[]): Promise<string>;
  expectAllRight(): Promise<void>;
}
interface Target {
  readonly name: string;
  readonly arch: string;
  readonly cuda?: string;
}

const { targets } = (await script('package', 'targets.mjs')) as { targets: Target[] };
const target = targets.find(({ name }) => name === `${process.platform}-${process.arch}`);
const temporary = mkdtempSync(join(tmpdir(), 'tensorlane prüft '));
let registry: Registry | undefined;

afterAll(async () => {
  await registry?.close();
  rmSync(temporary, { recursive: true, force: true });
});

const manifestIn = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** The folders in node_modules of what a package depends on, and of what these do. */
function dependenciesOf(folder: string, found = new Set<string>()): Set<string> {
  const { dependencies = {} } = manifestIn(folder) as Manifest & { dependencies?: Record<string, string> };
  for (const name of Object.keys(dependencies)) {
    const its = join(root, 'node_modules', name);
    if (!found.has(its)) dependenciesOf(its, found.add(its));
  }
  return found;
}

const packages = new Map<string, [Manifest, string | undefined]>();

beforeAll(async () => {
  if (target === undefined) return;
  const library = (await script('package', 'library.mjs')) as {
    makeLibraryPackage(folder: string): Promise<string>;
  };
  const platform = (await script('package', 'platform.mjs')) as {
    writePlatformPackage(target: Target, addon: string, folder: string): void;
  };
  const processes = (await script('processes.mjs')) as {
    runProgram(command: string[], options: object): Promise<{ ok: boolean; output: string }>;
  };
  const folderOf = (name: string) => join(temporary, 'packages', name);
  for (const { name, ...others } of targets.filter(({ cuda }) => !cuda))
    platform.writePlatformPackage({ name, ...others }, addon, folderOf(name));
  copyFileSync(join(root, 'LICENSE'), join(folderOf(target.name), 'THIRD_PARTY_LICENSES'));
  const own = await library.makeLibraryPackage(folderOf('tensorlane'));
  const tarballs = join(temporary, 'tarballs');
  mkdirSync(tarballs);
  const packed = [folderOf(target.name), own, ...dependenciesOf(own)];
  const command = ['npm', 'pack', ...packed, '--pack-destination', tarballs, '--ignore-scripts', '--loglevel=error'];
  const { ok, output } = await processes.runProgram(command, { show: false });
  expect(ok, output).toBe(true);
  for (const manifest of packed.map(manifestIn)) {
    const file = `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`;
    packages.set(manifest.name, [manifest, join(tarballs, file)]);
  }
  // The other platforms' are told of, as a registry does, so that npm can choose.
  for (const { name } of targets.filter(({ cuda }) => !cuda)) {
    const manifest = manifestIn(folderOf(name));
    if (!packages.has(manifest.name)) packages.set(manifest.name, [manifest, undefined]);
  }
  registry = await startRegistry(packages);
});

/** An empty project that depends on tensorlane, with npm's own files inside it too. */
async function install(name: string): Promise<Project> {
  const { Project } = (await script('package', 'check', 'project.mjs')) as {
    Project: new (folder: string, manifest: object) => Project;
  };
  const folder = join(temporary, name);
  mkdirSync(folder);
  const project = new Project(folder, { dependencies: { tensorlane: manifestIn(root).version } });
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--fetch-retries=0'];
  const here = ['--registry', registry!.url, '--noproxy=127.0.0.1', '--cache', join(folder, '.npm')];
  await project.command('npm', 'install', ...quiet, ...here);
  return project;
}

test.runIf(target)("npm install brings the platform's package, and it works", async () => {
  const project = await install('ein Projekt für alle');
  const modules = join(project.folder, 'node_modules');
  expect(readdirSync(join(modules, '@tensorlane'))).toEqual([target!.name]);
  expect(readdirSync(join(modules, '@tensorlane', target!.name)).sort()).toEqual([
    'LICENSE',
    'README.md',
    'THIRD_PARTY_LICENSES',
    'index.js',
    'libonnxruntime.so.1',
    'package.json',
    'tensorlane.node',
  ]);
  const tarballs = registry!.asked.filter((path) => path.includes('/-/')).map((path) => path.replace(/\/-\/.*/, ''));
  expect(tarballs.sort()).toEqual([...packages].flatMap(([name, [, tarball]]) => (tarball ? [name] : [])).sort());
  // svd, a model whose callers share batches, and an end by itself: from an ES module, from CommonJS, and in a worker.
  await project.expectAllRight();
  const command = await project.command('npx', '--no-install', 'tensorlane', 'doctor', '--json');
  const { packages: listed, checks } = JSON.parse(command) as {
    packages: object;
    checks: { check: string; ok: boolean }[];
  };
  expect(listed).toEqual({ [`@tensorlane/${target!.name}`]: manifestIn(root).version });
  expect(checks.filter(({ ok }) => ok).map(({ check }) => check)).toEqual(['cpu', 'models']);
});
