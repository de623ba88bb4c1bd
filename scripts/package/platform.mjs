// A package that carries the addon, in a folder that npm can pack: no script of it runs when it is installed.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot, SetupError } from '../setup/run.mjs';
import { compileAddon } from './addon.mjs';
import { checkDriverRule } from './driver.mjs';
import { writeLicenses } from './licenses.mjs';
import { checkBinaries } from './symbols.mjs';

export const root = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));

/**
 * Resolves to the folder.
 * @param {import('./targets.mjs').Target} target
 * @param {Parameters<typeof compileAddon>[1]} [toolkit]
 */
export async function makePlatformPackage(target, toolkit) {
  const addon = await compileAddon(target, toolkit);
  const folder = path.join(target.folder, 'package');
  rmSync(folder, { recursive: true, force: true });
  const runtime = writePlatformPackage(target, addon, folder);
  checkBinaries(folder, target.tools);
  if (target.cuda) await checkDriverRule(addon, Number(target.cuda), target.folder);
  await writeLicenses(target, folder, runtime);
  return folder;
}

/**
 * All of a package but the licences of what is inside its addon. Returns the version of ONNX Runtime that is in it.
 * @param {import('./targets.mjs').Target} target
 */
export function writePlatformPackage(target, addon, folder) {
  mkdirSync(folder, { recursive: true });
  copyFileSync(addon, path.join(folder, 'tensorlane.node'));
  copyFileSync(inRoot('LICENSE'), path.join(folder, 'LICENSE'));
  // The package for CUDA is installed beside the platform's own, which has ONNX Runtime: 45 MB that need not be there twice.
  const runtime = target.cuda ? undefined : copyOnnxRuntime(target.arch, folder);
  writeFileSync(path.join(folder, 'index.js'), index(runtime));
  const files = ['index.js', 'tensorlane.node', ...(runtime ? ['libonnxruntime.so.1'] : []), 'THIRD_PARTY_LICENSES'];
  const what = target.cuda ? `with a CUDA ${target.cuda} device ` : '';
  writeFileSync(
    path.join(folder, 'README.md'),
    `The native addon of [tensorlane](https://www.npmjs.com/package/tensorlane) ${what}for linux-${target.arch}.\n`,
  );
  writeManifest(folder, {
    name: `@tensorlane/${target.name}`,
    version: root.version,
    description: `The native addon of tensorlane ${what}for linux-${target.arch}`,
    license: root.license,
    type: 'commonjs',
    main: 'index.js',
    files,
    os: ['linux'],
    cpu: [target.arch],
    libc: ['glibc'],
    engines: root.engines,
    preferUnplugged: true,
  });
  return runtime;
}

/** @param {string} [directory] of its sources in the repository */
export function writeManifest(folder, manifest, directory) {
  const whole = { ...manifest, ...origin(directory) };
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(whole, null, 2)}\n`);
}

/**
 * Where a package comes from. A registry takes its provenance only where that is the repository whose workflow made it, and leads links of its README
 * there: in a workflow of GitHub's, that one, whatever its name.
 */
function origin(directory) {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = process.env;
  if (!server || !name) return root.repository ? { repository: root.repository } : {};
  const page = `${server}/${name}`;
  return {
    repository: { type: 'git', url: `git+${page}.git`, ...(directory && { directory }) },
    homepage: `${page}#readme`,
    bugs: `${page}/issues`,
  };
}

/** Puts the library of onnxruntime-node, of the version that package-lock.json pins, into a folder. Returns its version. */
function copyOnnxRuntime(arch, to) {
  const from = inRoot('node_modules', 'onnxruntime-node');
  const { version } = JSON.parse(readFileSync(path.join(from, 'package.json'), 'utf8'));
  const napi = readdirSync(path.join(from, 'bin')).find((name) => name.startsWith('napi-'));
  const file = path.join(from, 'bin', `${napi}`, 'linux', arch, 'libonnxruntime.so.1');
  try {
    copyFileSync(file, path.join(to, 'libonnxruntime.so.1'));
  } catch {
    throw new SetupError(`ONNX Runtime is not where it was looked for: ${file}`);
  }
  return version;
}

/** Literal paths, so that bundlers and tracers see what belongs to it. */
const index = (onnxRuntimeVersion) =>
  [
    "'use strict';",
    '',
    "const { join } = require('node:path');",
    '',
    `exports.version = '${root.version}';`,
    "exports.file = join(__dirname, 'tensorlane.node');",
    "exports.load = () => require('./tensorlane.node');",
    ...(onnxRuntimeVersion
      ? [
          "exports.onnxruntime = join(__dirname, 'libonnxruntime.so.1');",
          `exports.onnxruntimeVersion = '${onnxRuntimeVersion}';`,
        ]
      : []),
    '',
  ].join('\n');
