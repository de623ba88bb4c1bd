// By each package manager: what it installs works, though it runs no script.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isPacked, tarballOf } from './packed.mjs';
import { Project } from './project.mjs';
import { Skipped } from './skipped.mjs';

const quiet = ['--ignore-scripts', '--no-audit', '--no-fund'];
const npm = ['npm', 'install', ...quiet];

/** What npm has fetched for a project, in bytes; from where, a lock file may leave out. */
async function downloaded(project, registry) {
  const { packages } = JSON.parse(
    readFileSync(path.join(project.folder, 'node_modules', '.package-lock.json'), 'utf8'),
  );
  let bytes = 0;
  for (const [folder, { version }] of Object.entries(packages)) {
    const name = folder.replace(/^.*node_modules\//, '');
    const response = await fetch(`${registry}/${name}/-/${path.basename(name)}-${version}.tgz`);
    if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
    bytes += (await response.arrayBuffer()).byteLength;
  }
  return bytes;
}

/** @type {import('./surroundings.mjs').Check[]} */
export const installers = [
  {
    name: 'npm',
    async run({ registry, version, folder }) {
      const project = new Project(folder(''), { dependencies: { tensorlane: version } });
      await project.command(...npm, '--registry', registry);
      await project.expectAllRight();
      const doctor = await project.command('npx', '--no-install', 'tensorlane', 'doctor');
      if (!/^works {2}models/m.test(doctor)) throw new Error(`doctor says: ${doctor}`);
      const kilobytes = Number(
        spawnSync('du', ['-sk', path.join(project.folder, 'node_modules')], { encoding: 'utf8' }).stdout.split('\t')[0],
      );
      if (!(kilobytes < 90e3)) throw new Error(`${kilobytes} kB were installed, and 90 MB are allowed`);
      const bytes = await downloaded(project, registry);
      if (!(bytes < 32e6)) throw new Error(`${bytes} bytes were downloaded, and 32 MB are allowed`);
    },
  },
  {
    name: 'npm ci',
    async run({ registry, version, folder }) {
      tarballOf('linux-arm64'); // Its lock file has every platform's.
      const project = new Project(folder(''), { dependencies: { tensorlane: version } });
      await project.command(...npm, '--registry', registry, '--package-lock-only');
      await project.command('npm', 'ci', ...quiet, '--registry', registry);
      await project.expectAllRight();
    },
  },
  {
    name: 'npm, with the packages for CUDA',
    async run({ registry, version, folder }) {
      const names = ['linux-x64-cuda13', 'linux-x64-cuda12'].filter(isPacked);
      if (names.length === 0) throw new Skipped('none is packed: npm run package -- linux-x64-cuda13 linux-x64-cuda12');
      const dependencies = Object.fromEntries(names.map((name) => [`@tensorlane/${name}`, version]));
      const project = new Project(folder(''), { dependencies: { tensorlane: version, ...dependencies } });
      await project.command(...npm, '--registry', registry);
      await project.expectAllRight();
      project.write(
        'opened.mjs',
        `import { open } from 'tensorlane';
        const device = await open();
        console.log(JSON.stringify(device.info));
        await device.dispose();`,
      );
      // Where there is a GPU, one of them has it; elsewhere each says why not.
      const { kind, fallbackReason = '' } = JSON.parse(await project.command(process.execPath, 'opened.mjs'));
      const silent = names.filter((name) => !fallbackReason.includes(`@tensorlane/${name} is installed, but `));
      if (kind === 'cpu' && silent.length > 0) throw new Error(`of ${silent} nothing is said, but: ${fallbackReason}`);
    },
  },
  {
    name: 'npm, as a dependency of a dependency, in two versions',
    async run({ registry, version, other, folder }) {
      const project = new Project(folder(''), { dependencies: { tensorlane: version } });
      const dependency = { name: 'other', version: '1.0.0', dependencies: { tensorlane: other } };
      project.write('other/package.json', JSON.stringify(dependency));
      project.write('other/index.js', "module.exports = require('tensorlane');");
      await project.command(...npm, '--registry', registry, '--install-links', './other');
      project.write(
        'both.cjs',
        `const both = [require('tensorlane'), require('other')];
        if (both[0].open === both[1].open) throw new Error('they are the same');
        Promise.all(both.map(async ({ open, tensor }) => {
          const device = await open('cpu');
          const { data } = await device.linalg.matmul(tensor([[2]]), tensor([[3]]));
          await device.dispose();
          return data[0];
        })).then((results) => console.log(results.join() === '6,6' ? 'right' : results));`,
      );
      await project.expectRight(process.execPath, 'both.cjs');
    },
  },
  {
    name: 'npm, without optional packages',
    async run({ registry, version, folder }) {
      const project = new Project(folder(''), { dependencies: { tensorlane: version } });
      await project.command(...npm, '--registry', registry, '--omit=optional');
      project.write(
        'fails.mjs',
        "import { open } from 'tensorlane'; await open().catch((error) => console.log(error.code, error.message));",
      );
      const printed = await project.command(process.execPath, 'fails.mjs');
      if (!/^ERR_NO_DEVICE .*npm install @tensorlane\/linux-x64@.*--omit=optional/.test(printed))
        throw new Error(`it says: ${printed}`);
    },
  },
  {
    name: 'pnpm',
    async run({ registry, version, tools, folder }) {
      const project = new Project(folder(''), { dependencies: { tensorlane: version } });
      const pnpm = [path.join(tools, 'node24', 'bin', 'node'), path.join(tools, 'pnpm', 'bin', 'pnpm.mjs')];
      await project.command(
        ...pnpm,
        'install',
        '--registry',
        registry,
        '--store-dir',
        path.join(project.folder, '.store'),
      );
      await project.expectAllRight();
    },
  },
  ...['node-modules', 'pnp'].map((linker) => ({
    name: `yarn, ${linker}`,
    async run({ registry, version, tools, folder }) {
      tarballOf('linux-arm64'); // Its lock file has every platform's.
      const project = new Project(folder(''), { dependencies: { tensorlane: version } });
      const settings = [
        `nodeLinker: ${linker}`,
        `npmRegistryServer: ${registry}`,
        'unsafeHttpWhitelist: ["127.0.0.1"]',
        'enableTelemetry: false',
        'enableScripts: false',
        'npmMinimalAgeGate: 0',
      ];
      project.write('.yarnrc.yml', settings.join('\n'));
      project.write('yarn.lock', '');
      const yarn = [process.execPath, path.join(tools, '@yarnpkg', 'cli-dist', 'bin', 'yarn.js')];
      await project.command(...yarn, 'install');
      for (const program of ['main.mjs', 'main.cjs', 'worker.mjs']) await project.expectRight(...yarn, 'node', program);
    },
  })),
  {
    name: 'bun',
    async run({ registry, version, tools, folder }) {
      const project = new Project(folder(''), { dependencies: { tensorlane: version } });
      await project.command(
        path.join(tools, '@oven', 'bun-linux-x64', 'bin', 'bun'),
        'install',
        '--registry',
        registry,
      );
      await project.expectAllRight();
    },
  },
];
