// The published package's modules in few files, for CommonJS and ES modules alike.
//
// The rule it keeps: a process has one copy of the library, however many of its modules come in by `import` and how many by
// `require`. So there is one file of code, in CommonJS, which every version of Node, Jest, and TypeScript's CommonJS can require, and
// where bundlers see the platforms' packages required by name; the ES modules hand on what is in it, and the programs take from it what
// they have of the library. Each kind has its types.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What runs by itself, in processes that have no other module of the library. */
const programs = [
  'cli/main.js',
  'cli/doctor/probe.js',
  'cli/tune/target.js',
  'cli/tune/peer.js',
  'cli/tune/sender.js',
  'cli/tune/gpu-watch.js',
  'addon/probe.js',
  'addon/driver-probe.js',
  'addon/gpu-probe.js',
];
/** What CommonJS is kept in, laid out as the package is, so that the types find one another. */
export const commonJs = 'cjs';
const codeFile = 'tensorlane.js';

/**
 * Does that in `folder`, where the package is as tsc leaves it.
 * @param {string} folder
 * @param {readonly string[]} exported the modules that users import, in dist/
 */
export async function bundleModules(folder, exported) {
  // Of what npm installs: a clone that packs has it before this is called, and not before it is loaded.
  const { build } = await import('esbuild');
  const dist = path.join(folder, 'dist');
  const common = /** @type {const} */ ({
    absWorkingDir: dist,
    outbase: '.',
    bundle: true,
    platform: 'node',
    target: 'node20',
    packages: 'external',
    // Of classes, which errors and inspections show.
    keepNames: true,
    metafile: true,
    logLevel: 'error',
  });
  const look = /** @type {const} */ ({ ...common, format: 'esm', outdir: '.', write: false });

  const looked = await build({ ...look, splitting: true, entryPoints: [...exported] });
  const namesOf = (file) => looked.metafile.outputs[file].exports;
  const ofPrograms = await build({ ...look, entryPoints: programs });
  const shared = importedAcross(ofPrograms.metafile.inputs, looked.metafile.inputs);
  const key = (file) => file.replace(/\W/g, '_');
  const all = [...new Set([...exported, ...shared])]
    .map((file) => `export * as ${key(file)} from './${file}';`)
    .join('\n');
  const required = path.join(folder, commonJs, 'dist');
  await build({
    ...common,
    format: 'cjs',
    sourcemap: true,
    sourcesContent: false,
    stdin: { contents: all, resolveDir: dist },
    outfile: path.join(required, codeFile),
    define: { 'import.meta.url': 'moduleUrl' },
    plugins: [builtinModules],
    // A bundler of a user's may leave no name of a file.
    banner: {
      js: "'use strict'; const moduleUrl = typeof __filename === 'string' ? process.getBuiltinModule('node:url').pathToFileURL(__filename).href : undefined;",
    },
  });
  // Before any of them is written over.
  const built = await Promise.all(
    programs.map((program) =>
      build({
        ...look,
        entryPoints: [program],
        plugins: [handedOn((file) => (shared.has(file) ? `libraryCode.${key(file)}` : undefined), dist)],
        banner: { js: `import libraryCode from '../${upFrom(program)}${commonJs}/dist/${codeFile}';` },
      }),
    ),
  );
  for (const { path: file, text } of built.flatMap(({ outputFiles }) => outputFiles)) writeFileSync(file, text);
  const made = new Set(programs.map(path.normalize));
  for (const file of filesIn(dist)) if (/\.c?js(\.map)?$/.test(file) && !made.has(file)) rmSync(path.join(dist, file));

  for (const file of exported) {
    const levels = upFrom(file);
    write(path.join(required, file), `module.exports = require('${levels || './'}${codeFile}').${key(file)};\n`);
    write(
      path.join(dist, file),
      `import code from '../${levels}${commonJs}/dist/${codeFile}';\nexport const { ${namesOf(file).join(', ')} } = code.${key(file)};\n`,
    );
  }
  write(path.join(folder, commonJs, 'package.json'), '{ "type": "commonjs" }\n');
  for (const file of filesIn(folder)) {
    if (!/\.d\.c?ts$/.test(file) || file.startsWith(`lib${path.sep}`) || file.startsWith(commonJs)) continue;
    const text = readFileSync(path.join(folder, file), 'utf8');
    // The sources are ES modules.
    const moved = file === 'binding.d.ts' ? text.replaceAll("'./lib/", "'./dist/") : text;
    write(path.join(folder, commonJs, file), moved.replace(/^\/\/# sourceMappingURL=.*\n?/m, ''));
  }
}

/**
 * Node's own modules are asked of the process: code in CommonJS that a bundler has put into an ES module cannot require them, and
 * would end there without a word of what to do.
 * @type {import('esbuild').Plugin}
 */
const builtinModules = {
  name: 'builtin-modules',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}');`,
    }));
  },
};

/** What modules of the first kind alone import of the second: both as esbuild's metafiles have them. */
function importedAcross(inputs, others) {
  const own = Object.entries(inputs).filter(([file]) => others[file] === undefined);
  const imported = own.flatMap(([, { imports }]) => imports.map(({ path }) => path));
  return new Set(imported.filter((file) => others[file] !== undefined));
}

/**
 * Modules that are not bundled, but given by an expression.
 * @param {(file: string) => string | undefined} expressionOf
 * @param {string} folder from which the files are named
 * @returns {import('esbuild').Plugin}
 */
const handedOn = (expressionOf, folder) => ({
  name: 'handed-on',
  setup(build) {
    build.onResolve({ filter: /^\.\.?\// }, ({ path: imported, resolveDir }) => {
      const file = path.relative(folder, path.join(resolveDir, imported));
      return expressionOf(file) === undefined ? undefined : { path: file, namespace: 'handed-on' };
    });
    build.onLoad({ filter: /.*/, namespace: 'handed-on' }, ({ path: file }) => ({
      contents: `module.exports = ${expressionOf(file)};`,
    }));
  },
});

/** The way from a file's folder up to the folder that it is named from. */
const upFrom = (file) => '../'.repeat(file.split('/').length - 1);

const filesIn = (folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' });

function write(file, text) {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/**
 * The exports of the published package, out of the clone's.
 * @param {Record<string, unknown>} exports
 */
export function exportsOfBoth(exports) {
  const required = (file) => file.replace(/^\.\//, `./${commonJs}/`);
  return Object.fromEntries(
    Object.entries(exports).map(([name, entry]) => {
      if (typeof entry === 'string') return [name, entry];
      const { types, default: file } = /** @type {{ types: string, default: string }} */ (entry);
      return [
        name,
        { require: { types: required(types), default: required(file) }, default: { types, default: file } },
      ];
    }),
  );
}
