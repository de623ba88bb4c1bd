// By each bundler: built with tensorlane left outside, as docs/install.md says, moved elsewhere, the original deleted, and run.
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Project } from './project.mjs';

/** Resolves to the project that was built, where it was moved to. */
async function bundle({ registry, version, folder }, build) {
  const project = new Project(folder('built'), { type: 'module', dependencies: { tensorlane: version } });
  await project.command('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--registry', registry);
  await build(project);
  const moved = new Project(folder('moved'));
  for (const part of ['out', 'node_modules', 'package.json'])
    cpSync(path.join(project.folder, part), path.join(moved.folder, part), { recursive: true, verbatimSymlinks: true });
  rmSync(project.folder, { recursive: true });
  return moved;
}

/** @type {import('./surroundings.mjs').Check[]} */
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
      await moved.expectRight(process.execPath, file);
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
      await moved.expectRight(process.execPath, 'out/main.mjs');
    },
  },
  {
    name: 'Vite, SSR',
    async run(surroundings) {
      const moved = await bundle(surroundings, (project) =>
        project.command(
          process.execPath,
          path.join(surroundings.tools, 'vite', 'bin', 'vite.js'),
          ...['build', '--ssr', 'main.mjs', '--outDir', 'out'],
        ),
      );
      await moved.expectRight(process.execPath, path.join('out', 'main.js'));
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
      await moved.expectRight(process.execPath, 'out/main.mjs');
    },
  },
];
