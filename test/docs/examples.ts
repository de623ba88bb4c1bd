// Runs the examples of the documentation as a reader would: each is a file in a folder of its own beside the models that it names,
// imports the built package, and is run by plain node.
//
// esbuild takes the types out of all of a page at once, as tsx would of each: to start tsx takes longer than most examples do. The compiler
// reads all pages at once, for the declarations that they share take it longer than the examples.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import * as models from '../support/onnx-builder.js';
import { zipMap } from '../support/onnx-values.js';
import { type NodeOptions, type NodeOutcome, runNode } from '../support/processes.js';
import { type Example, examplesOf } from './markdown.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);
const pagesFolder = join(root, 'build', 'docs-examples');

export interface Page {
  readonly file: string;
  readonly folder: string;
  /** Each with the file that node runs. */
  readonly examples: readonly (Example & { readonly file: string })[];
}

/** Writes the examples of a page to files, and what they read beside them, in a folder of the name `as`. */
export function preparePage(file: string, as = file.replaceAll(/[/.]/g, '-')): Page {
  const folder = join(pagesFolder, as);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.onnx'), models.square());
  writeFileSync(join(folder, 'classifier.onnx'), zipMap([0, 1]));
  writeFileSync(join(folder, 'images.onnx'), models.imageClassifier());
  writeFileSync(join(folder, 'tuned.json'), JSON.stringify({ version: 1, loads: [] }));
  const vad = dirname(require.resolve('@ricky0123/vad-web/package.json'));
  mkdirSync(join(folder, 'models'));
  writeFileSync(join(folder, 'models', 'square.onnx'), models.square({ features: 2 }));
  copyFileSync(join(vad, 'dist/silero_vad_v5.onnx'), join(folder, 'silero_vad_v5.onnx'));
  copyFileSync(join(root, 'test', 'docs', 'given.ts'), join(folder, 'given.ts'));
  const examples = examplesOf(readFileSync(join(root, file), 'utf8'), './given.js').map((example, i) => {
    const path = join(folder, `example-${i + 1}`);
    writeFileSync(`${path}.ts`, example.program);
    return { ...example, file: `${path}.js` };
  });
  buildSync({
    entryPoints: ['*.ts'],
    absWorkingDir: folder,
    outdir: folder,
    format: 'esm',
    target: `node${process.versions.node}`,
    logLevel: 'error',
  });
  return { file, folder, examples };
}

/** What the compiler says of the examples of these pages, by the rules of the project; nothing where all is well. */
export function typeErrors(pages: readonly Page[]): string {
  const config = join(pagesFolder, 'tsconfig.json');
  writeFileSync(
    config,
    JSON.stringify({
      extends: relative(pagesFolder, join(root, 'tsconfig.json')),
      compilerOptions: {
        noEmit: true,
        declaration: false,
        declarationMap: false,
        rootDir: root,
        skipLibCheck: true,
        noUnusedLocals: false,
        noUnusedParameters: false,
      },
      include: pages.map(({ folder }) => `${relative(pagesFolder, folder)}/*.ts`),
    }),
  );
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', config], { cwd: root, encoding: 'utf8' });
  return status === 0 ? '' : `${stdout}${stderr}` || `tsc ended with ${status}`;
}

/** Runs an example as a reader would. */
export function runExample(page: Page, file: string, options: Omit<NodeOptions, 'cwd'> = {}): Promise<NodeOutcome> {
  return runNode([file], { ...options, cwd: page.folder });
}
