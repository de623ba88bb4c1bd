// By each bundler: built with tensorlane left outside, as docs/install.md says, moved elsewhere, and run.
import { cpSync } from 'node:fs';
import path from 'node:path';
import { Project } from './project.mjs';

async function bundle({ registry, version, folder }, build) {
  const project = new Project(folder('built'), { type: 'module', dependencies: { tensorlane: version } });
  await project.command('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--registry', registry);
  await build(project);
  const elsewhere = folder('moved');
  for (const part of ['out', 'node_modules', 'package.json'])
    cpSync(path.join(project.folder, part), path.join(elsewhere, part), { recursive: true, verbatimSymlinks: true });
  return new Moved(project, elsewhere);
}

class Moved {
  constructor(project, folder) {
    this.project = project;
    this.folder = folder;
  }
  expectRight(file) {
    return this.project.expectRight(process.execPath, path.join(this.folder, file));
  }
}

/** @type {import('../check.mjs').Check[]} */
export const bundles = [
  ...['esm', 'cjs'].map((format) => ({
    name: `esbuild, ${format}`,
    async run(surroundings) {
      const file = `out/main.${format === 'esm' ? 'mjs' : 'cjs'}`;
      const moved = await bundle(surroundings, async (project) => {
        project.write('entry.mjs', `import { open, tensor } from 'tensorlane'; (async () => {${project.body}})();`);
        const esbuild = path.join(surroundings.tools, 'esbuild', 'bin', 'esbuild');
        await project.command(
          process.execPath,
          esbuild,
          'entry.mjs',
          '--bundle',
          '--platform=node',
          `--format=${format}`,
          `--outfile=${file}`,
          '--external:tensorlane',
        );
      });
      await moved.expectRight(file);
    },
  })),
  {
    name: 'rollup',
    async run(surroundings) {
      const moved = await bundle(surroundings, (project) =>
        project.command(
          process.execPath,
          path.join(surroundings.tools, 'rollup', 'dist', 'bin', 'rollup'),
          'main.mjs',
          '--file',
          'out/main.mjs',
          '--external',
          'tensorlane',
        ),
      );
      await moved.expectRight('out/main.mjs');
    },
  },
  {
    name: 'webpack',
    async run(surroundings) {
      const moved = await bundle(surroundings, async (project) => {
        project.write(
          'build.cjs',
          `require(${JSON.stringify(path.join(surroundings.tools, 'webpack'))})({ mode: 'production', target: 'node', entry: './main.mjs', context: __dirname,` +
            "experiments: { outputModule: true, topLevelAwait: true }, output: { path: __dirname + '/out', filename: 'main.mjs', module: true }," +
            "externals: { tensorlane: 'module tensorlane' } }," +
            '(error, stats) => { if (error || stats.hasErrors()) { console.error(error ?? stats.toString()); process.exit(1); } });',
        );
        await project.command(process.execPath, 'build.cjs');
      });
      await moved.expectRight('out/main.mjs');
    },
  },
];
