// Debian's packages of a suite that is not this machine's: downloaded and unpacked, not installed, without root.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run, SetupError } from './run.mjs';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Unpacks packages of a suite into `work`/root; `options` are tar's, which say what of them is wanted. `what` is what they are
 * wanted for.
 * @param {{ suite: string, components: string, packages: readonly string[], architecture?: string }} source
 * @param {string} work
 * @param {readonly string[]} options
 */
export async function unpackDebian(source, work, options, what = 'CUDA 12') {
  const { suite, components, packages, architecture } = source;
  const mirror = debianMirror();
  if (!mirror || !existsSync(keyring))
    throw new SetupError(
      `${what} can be had from the packages of Debian only, on Debian.` +
        (what === 'CUDA 12' ? ' Elsewhere, install a toolkit, and name it in CUDA_HOME.' : ''),
    );
  const apt = (...parts) => path.join(work, 'apt', ...parts);
  for (const dir of [
    apt('sources'),
    apt('lists', 'partial'),
    apt('cache', 'archives', 'partial'),
    path.join(work, 'root'),
  ])
    mkdirSync(dir, { recursive: true });
  writeFileSync(apt('sources', 'debian.list'), `deb [signed-by=${keyring}] ${mirror} ${suite} ${components}\n`);
  const aptOptions = [
    'Dir::Etc::SourceList=/dev/null',
    `Dir::Etc::SourceParts=${apt('sources')}`,
    `Dir::State::Lists=${apt('lists')}`,
    `Dir::Cache=${apt('cache')}`,
    'APT::Sandbox::User=root',
    ...(architecture ? [`APT::Architectures::=${architecture}`, 'Acquire::Languages=none'] : []),
  ].flatMap((option) => ['-o', option]);
  await run('cuda', 'apt-get', [...aptOptions, 'update']);
  const named = packages.map((name) => (architecture ? `${name}:${architecture}` : name));
  const download = ['-c', 'cd "$1" && shift && apt-get "$@"', 'sh', work, ...aptOptions, 'download', ...named];
  await run('cuda', 'sh', download);
  for (const name of readdirSync(work).filter((entry) => entry.endsWith('.deb'))) {
    const pipe = 'deb=$1; shift; dpkg-deb --fsys-tarfile "$deb" | tar -x "$@"';
    const to = ['-C', path.join(work, 'root'), '--wildcards', '--anchored'];
    await run('cuda', 'sh', ['-c', pipe, 'sh', path.join(work, name), ...to, ...options]);
    rmSync(path.join(work, name));
  }
}

/** The mirror of Debian that this machine uses. */
function debianMirror() {
  const query = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Label: Debian'];
  return spawnSync('apt-get', query, { encoding: 'utf8' }).stdout?.split('\n').find(Boolean);
}
