// In systems as small and as old as containers are: Debian with nothing but what it cannot be without, Node unpacked, a project copied
// in, and no network. The oldest that the packages are for has glibc 2.28: Debian 10 or, where its archive does not answer, any system in
// the folder that the environment variable TENSORLANE_OLD_ROOT names.
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ask, runProgram } from '../../processes.mjs';
import { findProgram } from '../../setup/packages.mjs';
import { kept } from '../parts.mjs';
import { expectWorkingDoctor, Project } from './project.mjs';
import { Skipped } from './skipped.mjs';

const keyring = (name) => `/usr/share/keyrings/debian-archive-${name}.gpg`;
const current = { mirror: 'http://deb.debian.org/debian', keyring: keyring('keyring') };
/** @type {{ suite: string, release: number, glibc: string, mirror: string, keyring: string, own?: string }[]} */
const roots = [
  {
    suite: 'buster',
    release: 10,
    glibc: '2.28',
    mirror: 'http://archive.debian.org/debian',
    keyring: keyring('removed-keys'),
    own: process.env.TENSORLANE_OLD_ROOT,
  },
  { suite: 'bullseye', release: 11, glibc: '2.31', ...current },
  { suite: 'bookworm', release: 12, glibc: '2.36', ...current },
];

const nodeFolder = path.join('opt', 'node', 'bin');
const projectFolder = path.join('srv', 'ein Projekt für alle');

/** What a program in a root is run with: no network, and processes and mounts of its own. */
const apart = ['--net', '--mount', '--pid', '--fork'];

/** The folder of a root of that suite, made once and kept, or of one's own. @param {typeof roots[number]} which */
async function made({ suite, mirror, keyring: keys, own }) {
  if (process.getuid?.() !== 0) throw new Skipped('only root can make a system and run in it');
  if (!ask('sh', '-c', 'command -v unshare && command -v chroot')) throw new Skipped('it takes unshare and chroot');
  if (ask('unshare', ...apart, 'true') === undefined)
    throw new Skipped('this root may not make namespaces of its own: in a container, docker run --privileged');
  if (own) return own;
  const debootstrap = findProgram('debootstrap');
  if (!debootstrap) throw new Skipped('it takes debootstrap: apt-get install debootstrap');
  if (!existsSync(keys)) throw new Skipped(`${keys} is not here: apt-get install debian-archive-keyring`);
  return kept(`root-${suite}`, `made a root of Debian ${suite}`, async (folder) => {
    const command = [debootstrap, '--variant=minbase', `--keyring=${keys}`, suite, folder, mirror];
    const { ok, output } = await runProgram(command, { show: false, timeout: 900_000 });
    const unreachable = /^E: Failed getting release file.*$/m.exec(output);
    if (unreachable) throw new Skipped(unreachable[0]);
    if (!ok) throw new Error(`${command.join(' ')} failed: ${output.trim().slice(-2000)}`);
  });
}

/** Runs a command in the project that is in a root; throws with what it printed where it fails. */
async function inside(root, ...command) {
  const own = ['unshare', ...apart, `--mount-proc=${path.join(root, 'proc')}`];
  const env = ['env', '-i', `PATH=/${nodeFolder}:/usr/bin:/bin`, 'HOME=/root'];
  const there = ['sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', `/${projectFolder}`];
  const all = [...own, 'chroot', root, ...env, ...there, ...command];
  const { ok, output } = await runProgram(all, { show: false, timeout: 300_000 });
  if (!ok) throw new Error(`${command.join(' ')} failed: ${output.trim().slice(-2000)}`);
  return output.trim();
}

/** @type {import('./surroundings.mjs').Check[]} */
export const rootChecks = roots.map((which) => ({
  name: `glibc ${which.glibc}, a bare system${which.own ? '' : ` of Debian ${which.release}`}`,
  async run({ registry, version, tools, folder }) {
    const template = await made(which);
    const project = new Project(folder('project'), { dependencies: { tensorlane: version } });
    await project.command('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--registry', registry);
    const root = folder('root');
    const copied = await runProgram(['cp', '-a', `${template}/.`, root], { show: false });
    if (!copied.ok) throw new Error(copied.output);
    try {
      mkdirSync(path.join(root, nodeFolder), { recursive: true });
      cpSync(path.join(tools, 'node20', 'bin', 'node'), path.join(root, nodeFolder, 'node'));
      rmSync(path.join(project.folder, '.bin'), { recursive: true });
      cpSync(project.folder, path.join(root, projectFolder), { recursive: true, verbatimSymlinks: true });

      const glibc = await inside(root, 'getconf', 'GNU_LIBC_VERSION');
      if (glibc !== `glibc ${which.glibc}`) throw new Error(`it has ${glibc}`);
      for (const program of ['main.mjs', 'main.cjs', 'worker.mjs']) {
        const printed = await inside(root, 'node', program);
        if (!/^right$/m.test(printed)) throw new Error(`${program} printed ${printed}`);
      }
      expectWorkingDoctor(await inside(root, 'node_modules/.bin/tensorlane', 'doctor', '--json'));
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  },
}));
