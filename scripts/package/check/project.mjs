// A project of a user's: a folder with a manifest and programs, and commands that run in it as on a machine without compilers.
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ask, inRoot, runProgram } from '../../processes.mjs';
import { findProgram } from '../../setup/packages.mjs';

/** What an npm package may rely on; no compiler, no make, no python. */
const programs = [
  'sh',
  'bash',
  'env',
  'node',
  'npm',
  'npx',
  'cat',
  'uname',
  'getconf',
  'ldd',
  'which',
  'dirname',
  'sed',
  'git',
  'tar',
  'gzip',
];

/** Goes before what runs without a network, but this machine's own: nothing, where this user can have none apart. */
const offline = (() => {
  const [unshare, ip] = [findProgram('unshare'), findProgram('ip')];
  if (!unshare || !ip) return [];
  const command = [unshare, '--net', 'sh', '-c', '"$0" link set lo up && exec "$@"', ip];
  return ask(command[0] ?? '', ...command.slice(1), 'true') === undefined ? [] : command;
})();

export const { square } = await import(inRoot('dist', 'cli', 'doctor', 'square.js'));

/** A proxy that there is not. */
const nobody = 'http://127.0.0.1:9';

/** Algebra, also of memory that is given away before it is read, a model, callers that share batches, and an end by itself; prints `right`. */
const body = `
  const device = await open('cpu');
  const { s } = await device.linalg.svd(tensor([[3, 0], [0, 4]]), { mode: 'values' });
  const diagonals = [1, 2, 3, 4].map(() => new Float64Array(250 * 250).map((_, i) => (i % 251 === 0 ? 250 - i / 251 : 0)));
  const calls = diagonals.map((data) => device.linalg.svd(tensor(data, [250, 250]), { mode: 'values' }));
  for (const { buffer } of diagonals) buffer.transfer?.(99);
  const others = diagonals.map(() => new Float64Array(250 * 250).fill(7));
  const given = (await Promise.all(calls)).every(({ s }) => s.data.every((value, i) => value === 250 - i));
  const model = await device.loadModel(Buffer.from('${square}', 'base64'), { batching: { maxBatchSize: 8 } });
  const rows = Array.from({ length: 40 }, (_, i) => i);
  const results = await Promise.all(rows.map((i) => model.run({ x: tensor([[i, 2]]) })));
  const right = [...s.data].join() === '4,3' && results.every(({ y }, i) => y.data[0] === i * i && y.data[1] === 4);
  const { batches } = model.stats();
  await model.dispose();
  await device.dispose();
  const wrong = [...s.data] + ', ' + batches.count + ' batches, ' + others.length + ' given away: ' + given;
  console.log(right && given && batches.count < 40 ? 'right' : 'WRONG: ' + wrong);
`;

export const esModule = `import { open, tensor } from 'tensorlane';\n${body}`;
export const commonJs = `const { open, tensor } = require('tensorlane');\n(async () => {${body}})();`;
/** The same in a worker, beside it. */
export const inWorker = `
  import { Worker } from 'node:worker_threads';
  const worker = new Worker(new URL('./main.mjs', import.meta.url));
  worker.on('exit', (code) => { if (code !== 0) process.exitCode = 1; });
`;

/** Throws where `tensorlane doctor --json` says that algebra or models do not work. */
export function expectWorkingDoctor(printed) {
  const { checks } = JSON.parse(printed);
  const works = checks.filter(({ ok }) => ok).map(({ check }) => check);
  if (works.join() !== 'cpu,models') throw new Error(`tensorlane doctor says: ${JSON.stringify(checks)}`);
}

export class Project {
  /** @param {string} folder an empty one */
  constructor(folder, manifest = {}) {
    this.folder = folder;
    this.#bin = path.join(folder, '.bin');
    mkdirSync(this.#bin);
    for (const name of programs) {
      const file = findProgram(name);
      if (file) symlinkSync(file, path.join(this.#bin, name));
    }
    this.write('package.json', JSON.stringify({ name: 'a-project', private: true, ...manifest }));
    this.write('main.mjs', esModule);
    this.write('main.cjs', commonJs);
    this.write('worker.mjs', inWorker);
  }

  #bin;

  /** What the programs do, for others. */
  get body() {
    return body;
  }

  write(file, text) {
    mkdirSync(path.dirname(path.join(this.folder, file)), { recursive: true });
    writeFileSync(path.join(this.folder, file), text);
  }

  has(file) {
    return existsSync(path.join(this.folder, file));
  }

  /** Throws with what it printed where it fails. What asks beyond this machine by a proxy, as package managers do, is not answered. */
  async command(...command) {
    const env = {
      PATH: this.#bin,
      HOME: this.folder,
      TENSORLANE_ADDON: '',
      TENSORLANE_ONNXRUNTIME: '',
      NODE_OPTIONS: '',
      NODE_PATH: '',
      ...Object.fromEntries(['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map((name) => [name, nobody])),
      no_proxy: '127.0.0.1',
      NO_PROXY: '127.0.0.1',
    };
    const { ok, output } = await runProgram(command, { cwd: this.folder, env, show: false, timeout: 900_000 });
    if (!ok)
      throw new Error(`${command.map((word) => path.basename(word)).join(' ')} failed: ${output.trim().slice(-2000)}`);
    return output;
  }

  /** Runs a program that prints `right`, among whatever else, and needs no network. */
  async expectRight(...command) {
    const output = await this.command(...offline, ...command);
    if (!/^right$/m.test(output)) throw new Error(`${command.at(-1)} printed ${output.trim().slice(-500)}`);
  }

  /** Algebra, a model and batches, from both kinds of module and from a worker. */
  async expectAllRight(node = process.execPath) {
    for (const program of ['main.mjs', 'main.cjs', 'worker.mjs']) await this.expectRight(node, program);
  }
}
