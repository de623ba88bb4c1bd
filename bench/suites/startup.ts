import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ratios } from '../stats.js';
import type { Suite } from '../suite.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const platform = `${process.platform}-${process.arch}`;

/** Programs that do nothing else: a file each, in a project that has both libraries installed. */
const PROGRAMS = {
  node: ['node.cjs', ''],
  onnxruntime: ['onnxruntime.cjs', "require('onnxruntime-node');"],
  imported: ['imported.mjs', "import 'tensorlane';"],
  opened: ['opened.mjs', "import { open } from 'tensorlane'; await open();"],
  required: ['required.cjs', "require('tensorlane').open();"],
} as const;
type Program = keyof typeof PROGRAMS;
const NAMES = Object.keys(PROGRAMS) as Program[];

/** What a process pays before it can work, from its start to its end by itself, with the packages that users get. */
export const startup: Suite = {
  name: 'startup',
  about: "a new process that imports tensorlane and opens the CPU, beside one that requires 'onnxruntime-node'",
  figures: ['import and open()', "require('tensorlane') and open()", 'import and open(), in ms'],
  async run(context) {
    const project = await makeProject(context.log);
    const took: Record<Program, number[]> = { node: [], onnxruntime: [], imported: [], opened: [], required: [] };
    const rounds = context.rounds(41, 1);
    // The first round brings the files into memory; a short run is as well without.
    for (let round = context.rounds(-1, 0); round < rounds; round++) {
      for (const name of round % 2 === 0 ? NAMES : NAMES.toReversed()) {
        const ms = timeOf(join(project, PROGRAMS[name][0]));
        if (round >= 0) took[name].push(ms);
      }
    }
    const target = { is: '<=', value: 1.5 } as const;
    context.add('import and open()', 'x', ratios(took.opened, took.onnxruntime), { target });
    context.add("require('tensorlane') and open()", 'x', ratios(took.required, took.onnxruntime), { target });
    context.add('import and open(), in ms', 'ms', took.opened);
    context.add('import alone', 'ms', took.imported);
    context.add("require('onnxruntime-node')", 'ms', took.onnxruntime);
    context.add('Node.js alone', 'ms', took.node);
  },
};

/** The published package beside the platform's: the one that was packed, where there is one, else with the clone's own addon. */
async function makeProject(log: (line: string) => void): Promise<string> {
  const project = join(root, 'bench', 'cache', 'startup');
  rmSync(project, { recursive: true, force: true });
  mkdirSync(join(project, 'node_modules', '@tensorlane'), { recursive: true });
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'startup', private: true }));
  for (const [file, text] of Object.values(PROGRAMS)) writeFileSync(join(project, file), text);
  const { makeLibraryPackage } = (await import(`${root}/scripts/package/library.mjs`)) as {
    makeLibraryPackage(folder: string): Promise<string>;
  };
  await makeLibraryPackage(join(project, 'node_modules', 'tensorlane'));
  const packed = join(root, 'build', 'package', platform, 'package');
  const installed = join(project, 'node_modules', '@tensorlane', platform);
  if (existsSync(packed)) {
    symlinkSync(packed, installed);
  } else {
    const { version } = (await import('../../package.json', { with: { type: 'json' } })).default;
    mkdirSync(installed);
    copyFileSync(join(root, 'build', 'Release', 'tensorlane.node'), join(installed, 'tensorlane.node'));
    writeFileSync(
      join(installed, 'index.js'),
      `exports.version = '${version}'; exports.file = __dirname + '/tensorlane.node';
      exports.load = () => require('./tensorlane.node');`,
    );
  }
  const addon = process.env.TENSORLANE_ADDON || (existsSync(packed) ? relative(root, packed) : "the clone's own build");
  log(`addon: ${addon}`);
  return project;
}

function timeOf(file: string): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
  const took = performance.now() - start;
  if (status !== 0) throw new Error(`${file} failed: ${stderr}`);
  return took;
}
