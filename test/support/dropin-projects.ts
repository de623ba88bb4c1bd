// Two projects that differ in one thing: what answers to the name onnxruntime-node. Their other packages are the registry's, and are kept
// from one run to the next.

import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Which = 'original' | 'dropin';

export interface ProjectOptions {
  /** Their folders, on one file system. The second is made anew each time. */
  readonly folders: Readonly<Record<Which, string>>;
  /** What is installed in both, as dependencies of a package.json. sharp is then one for all. */
  readonly clients: Readonly<Record<string, string>>;
  /** Whether the addon is the one of `npm run package`, where that was made, rather than the clone's own. */
  readonly packed: boolean;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const platform = `${process.platform}-${process.arch}`;
const manifestOf = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };

/** undefined once they are there; else why they cannot be had. */
export async function makeProjects({ folders, clients, packed }: ProjectOptions): Promise<string | undefined> {
  const { original, dropin } = folders;
  const problem = install(original, clients);
  if (problem !== undefined) return problem;
  rmSync(dropin, { recursive: true, force: true });
  // The same files by other names: the packages are large, and nothing writes to them.
  const { status, stderr } = spawnSync('cp', ['-al', original, dropin], { encoding: 'utf8' });
  if (status !== 0) return `${dropin} cannot be made of ${original}: ${stderr}`;
  const modules = join(dropin, 'node_modules');
  rmSync(join(modules, 'onnxruntime-node'), { recursive: true });
  await makePackages(
    {
      'onnxruntime-node': join(modules, 'onnxruntime-node'),
      tensorlane: join(modules, 'tensorlane'),
      addon: join(modules, '@tensorlane', platform),
    },
    packed,
  );
  return undefined;
}

/** By package: into which folder. */
type Places = Readonly<Record<'onnxruntime-node' | 'tensorlane' | 'addon', string>>;

async function makePackages(places: Places, packed: boolean): Promise<void> {
  const { makeLibraryPackage } = (await import(`${root}/scripts/package/library.mjs`)) as {
    makeLibraryPackage(folder: string): Promise<string>;
  };
  const { makeWorkspacePackage } = (await import(`${root}/scripts/package/workspace.mjs`)) as {
    makeWorkspacePackage(name: string, folder: string): string;
  };
  makeWorkspacePackage('onnxruntime', places['onnxruntime-node']);
  await makeLibraryPackage(places.tensorlane);
  placeAddon(places.addon, packed);
}

/**
 * A project that npm itself makes, of packed packages, as a user's would be: the drop-in under onnxruntime-node's name, and an override
 * that sends all others to it. undefined once it is there; else why it cannot be had. Errors: what npm finds wrong with the packages.
 */
export async function installPacked(folder: string, clients: ProjectOptions['clients']): Promise<string | undefined> {
  const packages = join(folder, 'packages');
  mkdirSync(packages, { recursive: true });
  const source = join(packages, 'source');
  await makePackages(
    {
      'onnxruntime-node': join(source, 'onnxruntime'),
      tensorlane: join(source, 'tensorlane'),
      addon: join(source, 'addon'),
    },
    false,
  );
  const packed: Record<string, string> = {};
  for (const [name, of] of [
    ['onnxruntime-node', 'onnxruntime'],
    ['tensorlane', 'tensorlane'],
    [`@tensorlane/${platform}`, 'addon'],
  ] as const) {
    const { status, stdout, stderr } = npm(packages, ['pack', join(source, of)]);
    if (status !== 0) return `npm could not pack ${name}: ${stderr}`;
    packed[name] = `file:./packages/${stdout.trim().split('\n').at(-1)!}`;
  }
  rmSync(source, { recursive: true });
  // The registry does not have the other two yet, or not these.
  const overrides = Object.fromEntries(Object.keys(packed).map((name) => [name, `$${name}`]));
  const manifest = { private: true, dependencies: { ...clients, ...packed }, overrides };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const { status, stderr } = npm(folder, ['install', ...silence, ...patience]);
  if (status === 0) return undefined;
  // That there is no registry is nobody's fault here; anything else that npm says is about what it was given.
  const unreachable = /ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ENOTCACHED|network/.test(stderr) || stderr === '';
  if (!unreachable) throw new Error(`npm does not install them: ${stderr}`);
  return `npm could not install them: ${stderr.trim().split('\n')[0] || 'no answer'}`;
}

// Where there is no registry, that is soon known.
const patience = ['--prefer-offline', '--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-timeout=30000'];
const silence = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

function npm(cwd: string, args: readonly string[]) {
  return spawnSync('npm', args, { cwd, encoding: 'utf8', timeout: 300_000 });
}

function install(folder: string, clients: ProjectOptions['clients']): string | undefined {
  const { version } = manifestOf(join(root, 'node_modules', 'onnxruntime-node'));
  const overrides = { 'onnxruntime-node': '$onnxruntime-node', ...('sharp' in clients && { sharp: '$sharp' }) };
  const dependencies = { ...clients, 'onnxruntime-node': version };
  const wanted = JSON.stringify({ private: true, dependencies, overrides });
  const manifest = join(folder, 'package.json');
  if (existsSync(manifest) && readFileSync(manifest, 'utf8') === wanted) return undefined;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  writeFileSync(join(unfinished, 'package.json'), wanted);
  const { status, stderr } = npm(unfinished, ['install', ...silence, ...patience]);
  if (status !== 0) {
    rmSync(unfinished, { recursive: true });
    return `npm could not install the clients: ${stderr.trim().split('\n')[0] || 'no answer'}`;
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(unfinished, folder);
  return undefined;
}

/** The platform's package: the one that was packed, where it is wanted and there, else the clone's own addon. */
function placeAddon(folder: string, packed: boolean): void {
  const made = join(root, 'build', 'package', platform, 'package');
  mkdirSync(dirname(folder), { recursive: true });
  if (packed && existsSync(made)) {
    symlinkSync(made, folder);
    return;
  }
  mkdirSync(folder);
  const addon = process.env.TENSORLANE_ADDON || join(root, 'build', 'Release', 'tensorlane.node');
  copyFileSync(addon, join(folder, 'tensorlane.node'));
  const runtime = join(root, 'node_modules', 'onnxruntime-node', 'bin', 'napi-v6', process.platform, process.arch);
  const { version } = manifestOf(root);
  writeFileSync(
    join(folder, 'index.js'),
    `exports.version = '${version}'; exports.file = __dirname + '/tensorlane.node';
    exports.onnxruntime = ${JSON.stringify(join(runtime, 'libonnxruntime.so.1'))};
    exports.load = () => require('./tensorlane.node');`,
  );
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: `@tensorlane/${platform}`, version, main: 'index.js' }),
  );
}
