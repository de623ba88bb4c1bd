// tensorlane as npm installs it, outside of any clone: which package the addon comes from, and what is said where there is none.

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { runNode } from '../support/processes.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** The one that the tests run with. */
const addonFile = process.env.TENSORLANE_ADDON || join(root, 'build', 'Release', 'tensorlane.node');
const platform = `${process.platform}-${process.arch}`;
const folder = mkdtempSync(join(tmpdir(), 'tensorlane-installed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const { version } = (await import('../../package.json', { with: { type: 'json' } })).default as { version: string };

const { makeLibraryPackage } = (await import(/* @vite-ignore */ join(root, 'scripts', 'package', 'library.mjs'))) as {
  makeLibraryPackage(folder: string): Promise<string>;
};
const published = await makeLibraryPackage(join(folder, 'tensorlane'));

let project = '';
let projects = 0;
beforeEach(() => {
  project = join(folder, String(projects++));
  const own = join(project, 'node_modules', 'tensorlane');
  mkdirSync(own, { recursive: true });
  cpSync(published, own, { recursive: true });
});

/** A package that carries the addon which the tests run with, or a file that is none. */
function add(name: string, { file = addonFile, of = version, more = '' } = {}): void {
  const to = join(project, 'node_modules', '@tensorlane', name);
  mkdirSync(to, { recursive: true });
  symlinkSync(file, join(to, 'tensorlane.node'));
  writeFileSync(
    join(to, 'package.json'),
    JSON.stringify({ name: `@tensorlane/${name}`, version: of, main: 'index.js' }),
  );
  const addon = "require('node:path').join(__dirname, 'tensorlane.node')";
  const index = `exports.version = '${of}'; exports.file = ${addon}; exports.load = () => require('./tensorlane.node'); ${more}`;
  writeFileSync(join(to, 'index.js'), index);
}

/** What a program in the project prints. It has no clone, and no addon that somebody named. */
async function run(script: string, env: NodeJS.ProcessEnv = {}) {
  writeFileSync(join(project, 'main.mjs'), script);
  const none = { TENSORLANE_ADDON: '', TENSORLANE_ONNXRUNTIME: '' };
  const { code, stdout, stderr } = await runNode([join(project, 'main.mjs')], {
    cwd: project,
    env: { ...none, ...env },
  });
  return { code, printed: stdout.trim(), stderr };
}

test('what the library starts in processes of their own is in the package', () => {
  const lib = join(root, 'lib');
  const started = readdirSync(lib, { recursive: true, encoding: 'utf8' }).flatMap((file) => {
    if (!file.endsWith('.ts')) return [];
    const text = readFileSync(join(lib, file), 'utf8');
    const apart = [...text.matchAll(/tryApart<[^(]*>\('([^']+)'/g)].map(([, program]) => program!);
    const measured = [...text.matchAll(/program\('([\w-]+)'\)/g)].map(([, name]) => `cli/tune/${name}.js`);
    return [...apart, ...measured];
  });
  expect(started).toEqual(expect.arrayContaining(['addon/probe.js', 'addon/gpu-probe.js', 'cli/tune/gpu-watch.js']));
  expect(started.filter((program) => !existsSync(join(published, 'dist', program)))).toEqual([]);
});

const svd = `
  import { open, tensor } from 'tensorlane';
  const device = await open();
  const { s } = await device.linalg.svd(tensor([[3, 0], [0, 4]]), { mode: 'values' });
  console.log([...s.data].join(), device.info.fallbackReason);
  await device.dispose();`;

const openFails =
  "import { open } from 'tensorlane'; await open().catch((error) => console.log(error.code, error.message));";

test('the addon comes from the package of this platform, and a GPU would take one more', async () => {
  add(platform);
  const { printed, stderr } = await run(svd);
  expect(printed, stderr).toBe(`4,3 for a GPU, npm install @tensorlane/${platform}-cuda13 (or -cuda12)`);
});

test('CommonJS requires it', async () => {
  add(platform);
  writeFileSync(
    join(project, 'main.cjs'),
    "require('tensorlane').open('cpu').then((d) => d.dispose()).then(() => console.log('right'))",
  );
  const { code, stdout, stderr } = await runNode([join(project, 'main.cjs')], {
    cwd: project,
    env: { TENSORLANE_ADDON: '', NODE_NO_WARNINGS: '1' },
  });
  // Node 20 from 20.19 on, and 22.12.
  expect([code, stdout], stderr).toEqual([0, 'right\n']);
});

test('a package for CUDA stands back where it does not work, and says why', async () => {
  add(platform);
  add(`${platform}-cuda13`);
  const { printed, stderr } = await run(svd);
  const reason = `@tensorlane/${platform}-cuda13 is installed, but `;
  expect(printed, stderr).toMatch(/^4,3 /);
  expect(printed).toContain(reason);
});

test.each([
  [
    'of another version',
    { of: '0.0.1' },
    `it is of version 0.0.1, and tensorlane of ${version}; npm install @tensorlane/${platform}-cuda13@${version} `,
  ],
  [
    'that fails by itself',
    { more: "throw new Error('this package is broken')" },
    'cannot be loaded: this package is broken',
  ],
])('a package for CUDA %s takes nobody down', async (_, options, reason) => {
  add(platform);
  add(`${platform}-cuda13`, options);
  const { printed, stderr } = await run(svd);
  expect(printed, stderr).toMatch(/^4,3 /);
  expect(printed).toContain(`@tensorlane/${platform}-cuda13 is installed, but ${reason}`);
});

test('where there is no package, the error says how to get it', async () => {
  const { printed, stderr } = await run(openFails);
  expect(printed, stderr).toMatch(
    /^ERR_NO_DEVICE .* tried @tensorlane\/\S+: it is not installed; npm install @tensorlane\/\S+@\d+\.\d+\.\d+ \(pnpm add, yarn add\).*--omit=optional/,
  );
});

test('one of another version is not taken', async () => {
  add(platform, { of: '0.0.1' });
  const { printed } = await run(openFails);
  expect(printed).toContain(
    `it is of version 0.0.1, and tensorlane of ${version}; npm install @tensorlane/${platform}@${version}`,
  );
});

test('nor is a file that is no addon', async () => {
  const file = join(project, 'broken.node');
  writeFileSync(file, 'this is no library');
  add(platform, { file });
  const { printed } = await run(openFails);
  expect(printed).toMatch(
    /^ERR_NO_DEVICE .*tensorlane\.node: .*(file too short|invalid ELF header).*; build one in a clone/,
  );
});

test('a package that fails by itself is told of as it fails', async () => {
  add(platform, { more: "throw new Error('this package is broken')" });
  const { printed } = await run(openFails);
  expect(printed).toMatch(
    /^ERR_NO_DEVICE .*this package is broken; make node_modules anew, or npm install @tensorlane/,
  );
});

test("what Yarn's Plug'n'Play knows of, but has not installed on this platform, is not installed", async () => {
  add(platform, {
    more: `const missing = 'Required unplugged package missing from disk.\\n\\nMissing package: @tensorlane/${platform}@npm:${version}\\n\\nRequire stack:';
      throw Object.assign(new Error(missing), { code: 'MODULE_NOT_FOUND' });`,
  });
  const { printed } = await run(openFails);
  expect(printed).toMatch(/^ERR_NO_DEVICE .*: it is not installed; npm install @tensorlane/);
});

test('without ONNX Runtime algebra works, and a model says what to install', async () => {
  add(platform);
  const { printed, stderr } = await run(`${svd}
    const other = await open('cpu');
    await other.loadModel('model.onnx').catch((error) => console.log(error.code, error.message));
    await other.dispose();`);
  const [algebra, model] = printed.split('\n');
  expect(algebra, stderr).toMatch(/^4,3/);
  expect(model).toMatch(
    /^ERR_NO_RUNTIME .*install the package @tensorlane\/\S+, which has it inside, or onnxruntime-node/,
  );
});

test("a package's own ONNX Runtime is found", async () => {
  add(platform, { more: "exports.onnxruntime = '/nowhere/libonnxruntime.so.1';" });
  const { printed } = await run(`import { open } from 'tensorlane'; const device = await open('cpu');
    await device.loadModel('model.onnx').catch((error) => console.log(error.code, error.message));`);
  expect(printed).toContain('/nowhere/libonnxruntime.so.1');
});

test.each([
  ['1.31.0', undefined, '/nowhere/own.so.1'],
  ['1.31.0', 'newest', 'bin/napi-v6'],
  ['1.4.0', 'newest', '/nowhere/own.so.1'],
  ['1.30.0', 'newest', '/nowhere/own.so.1'],
])('beside an onnxruntime-node %s, asked for %s', async (version, asked, expected) => {
  add(platform, { more: "exports.onnxruntime = '/nowhere/own.so.1'; exports.onnxruntimeVersion = '1.30.0';" });
  const other = join(project, 'node_modules', 'onnxruntime-node');
  const bin = join(other, 'bin', 'napi-v6', process.platform, process.arch);
  mkdirSync(bin, { recursive: true });
  mkdirSync(join(other, 'dist'));
  writeFileSync(
    join(other, 'package.json'),
    JSON.stringify({ name: 'onnxruntime-node', version, main: 'dist/index.js' }),
  );
  writeFileSync(join(other, 'dist', 'index.js'), '');
  writeFileSync(join(bin, 'libonnxruntime.so.1'), 'this is no library');
  const script = (option: string) => `import { open } from 'tensorlane'; const device = await open({ ${option} });
    await device.loadModel('model.onnx').catch((error) => console.log(error.code, error.message));`;
  const byOption = await run(script(asked ? `device: 'cpu', onnxruntime: '${asked}'` : "device: 'cpu'"));
  expect(byOption.printed, byOption.stderr).toMatch(new RegExp(`^ERR_NO_RUNTIME .*${expected}`));
  const byEnvironment = await run(script("device: 'cpu'"), { TENSORLANE_ONNXRUNTIME: asked ?? '' });
  expect(byEnvironment.printed, byEnvironment.stderr).toMatch(new RegExp(`^ERR_NO_RUNTIME .*${expected}`));
});

test.each(['esm', 'cjs'] as const)('a bundle that has it inside says what to do (%s)', async (format) => {
  add(platform);
  const bundle = join(project, format === 'esm' ? 'bundle.mjs' : 'bundle.cjs');
  await build({
    stdin: { contents: openFails.replace('await open', 'open'), resolveDir: project },
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format,
    external: ['@tensorlane/*'],
    logLevel: 'silent',
  });
  const { stdout, stderr } = await runNode([bundle], { cwd: project, env: { TENSORLANE_ADDON: '' } });
  expect(stdout + stderr).toContain('have the bundler leave tensorlane outside (esbuild: --external:tensorlane');
  expect(stdout + stderr).toContain('ERR_NO_DEVICE');
});
