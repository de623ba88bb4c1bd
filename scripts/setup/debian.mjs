// Debian's packages of a suite that is not this machine's: downloaded and unpacked, not installed, without root.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run, SetupError } from './run.mjs';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const mainMirror = 'http://deb.debian.org/debian';
const aptHelper = '/usr/lib/apt/apt-helper';
// What it writes is this user's, whose folder apt's own user may not see.
const asRoot = 'APT::Sandbox::User=root';

/**
 * Unpacks packages of a suite, as it is today, into `work`/root; `options` are tar's, which say what of them is wanted.
 * @param {{ suite: string, components: string, packages: readonly string[] }} source
 * @param {string} work
 * @param {readonly string[]} options
 */
export async function unpackDebian({ suite, components, packages }, work, options) {
  const mirror = debianMirror();
  if (!mirror || !existsSync(keyring))
    throw new SetupError(
      'CUDA 12 can be had from the packages of Debian only, on Debian. ' +
        'Elsewhere, install a toolkit, and name it in CUDA_HOME.',
    );
  const apt = (...parts) => path.join(work, 'apt', ...parts);
  for (const dir of [apt('sources'), apt('lists', 'partial'), apt('cache', 'archives', 'partial')])
    mkdirSync(dir, { recursive: true });
  writeFileSync(apt('sources', 'debian.list'), `deb [signed-by=${keyring}] ${mirror} ${suite} ${components}\n`);
  const aptOptions = [
    'Dir::Etc::SourceList=/dev/null',
    `Dir::Etc::SourceParts=${apt('sources')}`,
    `Dir::State::Lists=${apt('lists')}`,
    `Dir::Cache=${apt('cache')}`,
    asRoot,
  ].flatMap((option) => ['-o', option]);
  await run('cuda', 'apt-get', [...aptOptions, 'update']);
  const download = ['-c', 'cd "$1" && shift && apt-get "$@"', 'sh', work, ...aptOptions, 'download', ...packages];
  await run('cuda', 'sh', download);
  for (const name of readdirSync(work).filter((entry) => entry.endsWith('.deb')))
    await unpack('cuda', path.join(work, name), path.join(work, 'root'), options);
}

/**
 * Unpacks packages that are known by their checksums into `work`/root: from the mirror that this machine uses or, where that has
 * gone on to newer ones, from `archive`, which keeps all that ever was. The suite that they are of is not asked.
 * @param {{ archive: string, files: readonly { file: string, sha256: string }[] }} source files as they lie in a mirror
 * @param {string} work
 * @param {readonly string[]} options tar's, which say what of them is wanted
 */
export async function unpackPinned({ archive, files }, work, options, mirror = debianMirror() ?? mainMirror) {
  if (!existsSync(aptHelper))
    throw new SetupError(`The packages of Debian are fetched by apt, and ${aptHelper} is not here.`);
  mkdirSync(work, { recursive: true });
  for (const { file, sha256 } of files) {
    const deb = path.join(work, path.basename(file));
    const fetched = (from) =>
      run('package', aptHelper, [
        '-o',
        asRoot,
        'download-file',
        `${from.replace(/\/$/, '')}/${file}`,
        deb,
        `SHA256:${sha256}`,
      ]);
    await fetched(mirror).catch((error) =>
      fetched(archive).catch(({ message }) => {
        throw new SetupError(`${file} could not be had as it was:\n${error.message}\n${message}`);
      }),
    );
    await unpack('package', deb, path.join(work, 'root'), options);
  }
}

async function unpack(log, deb, to, options) {
  mkdirSync(to, { recursive: true });
  const pipe = 'deb=$1; shift; dpkg-deb --fsys-tarfile "$deb" | tar -x "$@"';
  await run(log, 'bash', [
    '-o',
    'pipefail',
    '-c',
    pipe,
    'bash',
    deb,
    '-C',
    to,
    '--wildcards',
    '--anchored',
    ...options,
  ]);
  rmSync(deb);
}

/** The mirror of Debian that this machine uses. */
function debianMirror() {
  const query = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Label: Debian'];
  return spawnSync('apt-get', query, { encoding: 'utf8' }).stdout?.split('\n').find(Boolean);
}
