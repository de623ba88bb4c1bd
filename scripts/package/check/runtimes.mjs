// Under each runtime: algebra, a model, batches, workers and an end by itself.
import path from 'node:path';
import { expectWorkingDoctor, Project } from './project.mjs';

async function installed({ registry, version, folder }) {
  const project = new Project(folder(''), { dependencies: { tensorlane: version } });
  await project.command('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--registry', registry);
  return project;
}

/** @type {import('./surroundings.mjs').Check[]} */
export const runtimes = [
  ...['20', '22', '24', '26'].map((version) => ({
    name: `Node ${version}`,
    async run(surroundings) {
      const project = await installed(surroundings);
      await project.expectAllRight(path.join(surroundings.tools, `node${version}`, 'bin', 'node'));
    },
  })),
  {
    name: 'Bun',
    async run(surroundings) {
      const project = await installed(surroundings);
      await project.expectAllRight(path.join(surroundings.tools, '@oven', 'bun-linux-x64', 'bin', 'bun'));
    },
  },
  {
    name: 'Deno',
    async run(surroundings) {
      const project = await installed(surroundings);
      const deno = path.join(surroundings.tools, '@deno', 'linux-x64-glibc', 'deno');
      const allowed = ['run', '--allow-ffi', '--allow-read', '--allow-env', '--allow-sys', '--node-modules-dir=manual'];
      for (const program of ['main.mjs', 'worker.mjs']) await project.expectRight(deno, ...allowed, program);
      const command = ['run', '--allow-all', '--node-modules-dir=manual', 'node_modules/tensorlane/dist/cli/main.js'];
      expectWorkingDoctor(await project.command(deno, ...command, 'doctor', '--json'));
    },
  },
];
