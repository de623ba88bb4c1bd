// Makes the packages that are published, as tarballs in build/packages: tensorlane, those of packages/, and one a
// platform and CUDA version.
//   node scripts/package.mjs                    all of them
//   node scripts/package.mjs linux-x64 [...]    these only; tensorlane is one of the names
//   node scripts/package.mjs --check [...]      installs and tries those that are there, in every way or in those whose names begin so
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { makeLibraryPackage } from './package/library.mjs';
import { makePlatformPackage, root } from './package/platform.mjs';
import { targets } from './package/targets.mjs';
import { makeWorkspacePackage } from './package/workspace.mjs';
import { readToolkitOptions } from './setup/cuda.mjs';
import { packages } from './setup/packages.mjs';
import { inRoot, run, SetupError } from './setup/run.mjs';
import { dependencies, typescript, workspaceFolders, workspaces } from './setup/steps.mjs';
import { doSteps, orExit } from './setup.mjs';

const others = workspaceFolders.map((folder) => path.basename(folder));
const names = ['tensorlane', ...others, ...targets.map(({ name }) => name)];
const tarballs = inRoot('build', 'packages');

await orExit(async () => {
  const wanted = process.argv.slice(2);
  if (wanted[0] === '--check') {
    await doSteps([dependencies, typescript]);
    const { checkPackages } = await import('./package/check.mjs');
    if (!(await checkPackages(wanted.slice(1), root.version))) process.exitCode = 1;
    return;
  }
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new SetupError(`package: "${unknown}" is none of: ${names.join(', ')}`);
  const chosen = names.filter((name) => wanted.length === 0 || wanted.includes(name));
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new SetupError('package: the packages are made on Linux with an x64 processor');
  await doSteps([packages('package'), dependencies, typescript, workspaces]);
  mkdirSync(tarballs, { recursive: true });
  for (const name of chosen) await pack(name);
});

async function pack(name) {
  const target = targets.find((entry) => entry.name === name);
  const folder = target
    ? await makePlatform(target)
    : others.includes(name)
      ? makeWorkspacePackage(name)
      : await makeLibraryPackage();
  const prefix = name === 'tensorlane' ? name : `tensorlane-${name}`;
  const isIts = (file) => file.startsWith(prefix) && /^-\d[^-]*\.tgz$/.test(file.slice(prefix.length));
  for (const old of readdirSync(tarballs).filter(isIts)) rmSync(path.join(tarballs, old));
  await run('package', 'npm', ['pack', folder, '--pack-destination', tarballs, '--ignore-scripts', '--loglevel=error']);
  const tarball = path.join(tarballs, readdirSync(tarballs).find(isIts) ?? '');
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(
    `package: ${path.relative(inRoot(), tarball)}: ${megabytes(statSync(tarball).size)} to download, ` +
      `${megabytes(sizeOf(folder))} on disk`,
  );
}

async function makePlatform(target) {
  if (target.tools) await doSteps([packages('package-arm64')]);
  if (!target.cuda) return makePlatformPackage(target);
  // The pinned one: what is published does not depend on what a machine happens to have.
  const { step } = readToolkitOptions(['--cuda', target.cuda, '--own']);
  await doSteps([packages(step.purpose), step]);
  return makePlatformPackage(target, step);
}

function sizeOf(file) {
  const stat = statSync(file);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(file).reduce((sum, name) => sum + sizeOf(path.join(file, name)), 0);
}
