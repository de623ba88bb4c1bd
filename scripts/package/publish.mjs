// node scripts/package/publish.mjs FOLDER [OPTION...]
//
// Publishes the tarballs that are in a folder; the options are those of `npm publish`, besides `--registry`, which this one asks too.
//
// The rules it keeps: nobody can install a package before what it asks for is there, so the platforms' go first, and those of packages/ last; all
// of a release are there, and of one version, or none is published; and what the registry has of that version already is passed over,
// so that a release which ended half-way is made whole by running it again. A version like 1.0.0-rc.1 gets the tag `next`.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ask, inRoot, runProgram } from '../processes.mjs';
import { targets } from './targets.mjs';

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));
const root = readJson(inRoot('package.json'));
const others = readdirSync(inRoot('packages')).map((name) => readJson(inRoot('packages', name, 'package.json')));
/** What a release is, in the order in which it is published. */
const release = [
  ...targets.map(({ name }) => ({ name: `@tensorlane/${name}`, version: root.version })),
  root,
  ...others,
];

const [folder, ...options] = process.argv.slice(2);
if (folder === undefined) fail('usage: node scripts/package/publish.mjs FOLDER [OPTION...]');

/** What is in the folder, by name. */
const found = new Map(
  readdirSync(folder)
    .filter((name) => name.endsWith('.tgz'))
    .map((name) => {
      const file = path.resolve(folder, name);
      const { name: its, version } = JSON.parse(ask('tar', '-xOzf', file, 'package/package.json') ?? '{}');
      return [its, { file, version }];
    }),
);
const missing = release.filter(({ name, version }) => found.get(name)?.version !== version);
if (missing.length > 0) {
  const wanted = missing.map(({ name, version }) => `${name}@${version}`).join(', ');
  fail(`${folder} lacks ${wanted}: npm run package`);
}

const given = options.find((option) => option.startsWith('--registry='))?.slice('--registry='.length);
const registry = (given ?? ask('npm', 'config', 'get', 'registry') ?? '').replace(/\/?$/, '/');
const tag = root.version.includes('-') ? ['--tag', 'next'] : [];
for (const { name, version } of release) {
  if (await isThere(name, version)) {
    console.log(`publish: ${name}@${version} is there already`);
    continue;
  }
  const { file } = found.get(name);
  const { ok } = await runProgram(['npm', 'publish', file, '--access', 'public', ...tag, ...options]);
  if (!ok) fail(`${name}@${version} could not be published; what is said above is npm's. Run again, it goes on here`);
  console.log(`publish: published ${name}@${version}`);
}

async function isThere(name, version) {
  const { status } = await fetch(`${registry}${name.replace('/', '%2f')}/${version}`);
  if (status !== 200 && status !== 404) fail(`${registry} answers ${status} when it is asked for ${name}@${version}`);
  return status === 200;
}

/** @returns {never} */
function fail(message) {
  console.error(`publish: ${message}`);
  process.exit(1);
}
