// npm run package -- --check [NAME...]
//
// Installs the packages of build/packages as users do, from a registry on this machine, and runs them: each in an empty folder, with no
// compiler on the PATH, and scripts of packages off. The last line is the sum: `N passed, N failed, N skipped`.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inRoot, run, SetupError } from '../setup/run.mjs';
import { algebra } from './check/algebra.mjs';
import { arm64 } from './check/arm64.mjs';
import { bundles } from './check/bundles.mjs';
import { installers } from './check/installers.mjs';
import { jest } from './check/jest.mjs';
import { next } from './check/next.mjs';
import { Registry } from './check/registry.mjs';
import { rootChecks } from './check/roots.mjs';
import { runtimes } from './check/runtimes.mjs';
import { shapes } from './check/shapes.mjs';
import { Skipped } from './check/skipped.mjs';
import { workspaces } from './check/workspaces.mjs';

/** The same packages as another version, so that there are two. */
export const other = '0.0.1-other';

/** @type {import('./check/surroundings.mjs').Check[]} */
const checks = [
  ...installers,
  ...algebra,
  ...workspaces,
  ...runtimes,
  ...shapes,
  ...jest,
  ...bundles,
  ...next,
  ...rootChecks,
  ...arm64,
];

/** @param {readonly string[]} wanted names of checks, or how they begin; all where there are none */
export async function checkPackages(wanted, version) {
  const tarballs = inRoot('build', 'packages');
  const files = existsSync(tarballs) ? readdirSync(tarballs).filter((file) => file.endsWith('.tgz')) : [];
  if (!files.includes(`tensorlane-${version}.tgz`) || !files.includes(`tensorlane-linux-x64-${version}.tgz`))
    throw new SetupError('package: there is nothing to check: npm run package -- tensorlane linux-x64');
  const chosen = checks.filter(({ name, long }) =>
    wanted.length === 0 ? !long : wanted.some((start) => name.startsWith(start)),
  );
  if (chosen.length === 0)
    throw new SetupError(`package: no check begins so; there is ${checks.map(({ name }) => name).join(', ')}`);

  const tools = inRoot('scripts', 'package', 'tools');
  if (!existsSync(path.join(tools, 'node_modules', 'verdaccio')))
    // Not `npm ci`: pnpm has an optional package for each of many platforms, and a registry that lacks some leaves them out of the lock.
    await run('package', 'npm', [
      'install',
      '--no-save',
      '--prefix',
      tools,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
    ]);
  const work = mkdtempSync(path.join(tmpdir(), 'tensorlane prüft '));
  const registry = await Registry.start(path.join(tools, 'node_modules'), path.join(work, 'registry'));
  const failures = [];
  let skipped = 0;
  try {
    for (const file of files) {
      await registry.publish(path.join(tarballs, file));
      if (/^tensorlane(-linux-x64)?-\d/.test(file))
        await registry.publish(await asOther(path.join(tarballs, file), work, version));
    }
    for (const { name, run: check } of chosen) {
      const started = performance.now();
      const folder = (part) => {
        const made = path.join(work, `${name} ${part}`.trim());
        mkdirSync(made, { recursive: true });
        return made;
      };
      let outcome = 'works';
      try {
        await check({ registry: registry.url, version, other, tools: path.join(tools, 'node_modules'), folder });
      } catch (error) {
        const { message } = /** @type {Error} */ (error);
        if (error instanceof Skipped) skipped++;
        else failures.push(`${name}: ${message}`);
        outcome = `${error instanceof Skipped ? 'skipped' : 'FAILS'}: ${message}`;
      }
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`check: ${name}: ${outcome} (${seconds} s)`);
    }
  } finally {
    registry.stop();
    rmSync(work, { recursive: true, force: true });
  }
  for (const failure of failures) console.log(`failed: ${failure.replace(/\n[\s\S]*/, '')}`);
  console.log(`${chosen.length - failures.length - skipped} passed, ${failures.length} failed, ${skipped} skipped`);
  return failures.length === 0;
}

/** Unpacks a tarball of ours, and makes it one of the other version; gives the folder. */
async function asOther(tarball, work, version) {
  const to = path.join(work, `${path.basename(tarball)} as other`);
  mkdirSync(to);
  await run('package', 'tar', ['-xzf', tarball, '-C', to]);
  for (const name of ['package.json', 'index.js']) {
    const file = path.join(to, 'package', name);
    if (existsSync(file)) writeFileSync(file, readFileSync(file, 'utf8').replaceAll(version, other));
  }
  return path.join(to, 'package');
}
