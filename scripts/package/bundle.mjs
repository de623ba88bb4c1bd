// The published package's modules in few files: a process that imports it opens five instead of a hundred. The types stay a file a
// module, and so does what requires the platforms' packages, where bundlers of users look for it.
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

/** What runs by itself. */
const programs = ['cli/main.js', 'cli/doctor/probe.js', 'addon/probe.js', 'addon/driver-probe.js'];
const requires = 'addon/packages.cjs';

/**
 * Does that in `folder`, where the modules are as tsc leaves them.
 * @param {string} folder
 * @param {readonly string[]} exported the modules that users import
 */
export async function bundleModules(folder, exported) {
  // Of what npm installs: a clone that packs has it before this is called, and not before it is loaded.
  const { build } = await import('esbuild');
  const { metafile } = await build({
    absWorkingDir: folder,
    entryPoints: [...exported, ...programs],
    outdir: '.',
    outbase: '.',
    allowOverwrite: true,
    // What several of them share lies beside what it requires.
    chunkNames: `${path.dirname(requires)}/shared-[hash]`,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    external: [`./${path.basename(requires)}`],
    // Of classes, which errors and inspections show.
    keepNames: true,
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    logLevel: 'error',
  });
  const outputs = Object.entries(metafile.outputs);
  for (const [file, { imports }] of outputs) {
    const elsewhere = path.dirname(file) !== path.dirname(requires);
    if (elsewhere && imports.some((one) => one.path === `./${path.basename(requires)}`))
      throw new Error(`${file} requires the platforms' packages, which ${requires} does, from another folder`);
  }
  const made = new Set(outputs.map(([file]) => path.normalize(file)));
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    if (/\.c?js(\.map)?$/.test(file) && !file.startsWith(requires) && !made.has(file)) rmSync(path.join(folder, file));
}
