// Two projects that differ in one thing: what answers to the name onnxruntime-node. The clients are those of the registry.

import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Which = 'original' | 'dropin';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(root, 'bench', 'cache', 'dropin');
const platform = `${process.platform}-${process.arch}`;
const manifestOf = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };

/** What is installed in both. sharp is one for all. */
const clients = { '@huggingface/transformers': '4.3.2', '@gutenye/ocr-node': '1.4.8', sharp: '0.35.4' };

/** Their folders; a string where they cannot be had: why. */
export async function projects(): Promise<Record<Which, string> | string> {
  const original = join(cache, 'original');
  const dropin = join(cache, 'dropin');
  const problem = install(original);
  if (problem !== undefined) return problem;
  rmSync(dropin, { recursive: true, force: true });
  cpSync(original, dropin, { recursive: true, verbatimSymlinks: true });
  const modules = join(dropin, 'node_modules');
  const { makeLibraryPackage } = (await import(`${root}/scripts/package/library.mjs`)) as {
    makeLibraryPackage(folder: string): Promise<string>;
  };
  const { makeWorkspacePackage } = (await import(`${root}/scripts/package/workspace.mjs`)) as {
    makeWorkspacePackage(name: string, folder: string): string;
  };
  rmSync(join(modules, 'onnxruntime-node'), { recursive: true });
  makeWorkspacePackage('onnxruntime', join(modules, 'onnxruntime-node'));
  await makeLibraryPackage(join(modules, 'tensorlane'));
  placeAddon(join(modules, '@tensorlane', platform));
  return { original, dropin };
}

function install(folder: string): string | undefined {
  const { version } = manifestOf(join(root, 'node_modules', 'onnxruntime-node'));
  const wanted = JSON.stringify({
    private: true,
    dependencies: { ...clients, 'onnxruntime-node': version },
    overrides: { 'onnxruntime-node': '$onnxruntime-node', sharp: '$sharp' },
  });
  const manifest = join(folder, 'package.json');
  if (existsSync(join(folder, 'node_modules', '.package-lock.json')) && readFileSync(manifest, 'utf8') === wanted)
    return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(manifest, wanted);
  const { status, stderr } = spawnSync(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: folder,
      encoding: 'utf8',
      timeout: 300_000,
    },
  );
  return status === 0 ? undefined : `npm could not install the clients: ${stderr.trim().split('\n')[0] || 'no answer'}`;
}

/** The platform's package: the one that was packed, where there is one, else the clone's own addon. */
function placeAddon(folder: string): void {
  const packed = join(root, 'build', 'package', platform, 'package');
  mkdirSync(join(folder, '..'), { recursive: true });
  if (existsSync(packed)) {
    symlinkSync(packed, folder);
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
