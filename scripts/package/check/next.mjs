// examples/next, by each of Next.js's bundlers: built to stand alone with what its tracing finds, moved elsewhere, the original deleted,
// and asked for a model's answer and an SVD.
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../../setup/run.mjs';
import { Project, square } from './project.mjs';

/** Starts the server beside it, asks it, and tells it to end; prints `right`. */
const asking = `
  import { spawn } from 'node:child_process';
  import { once } from 'node:events';
  import { writeFileSync } from 'node:fs';
  import { createServer } from 'node:net';
  import { setTimeout as sleep } from 'node:timers/promises';

  writeFileSync('square.onnx', Buffer.from('${square}', 'base64'));
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address();
  free.close();
  const env = { ...process.env, PORT: String(port), HOSTNAME: '127.0.0.1', MODEL: process.cwd() + '/square.onnx' };
  const server = spawn(process.execPath, ['next/server.js'], { env, stdio: 'inherit' });
  const ended = once(server, 'exit');
  const ask = async (route, body) => {
    const response = await fetch('http://127.0.0.1:' + port + route, { method: 'POST', body });
    return [response.status, await response.json()];
  };
  try {
    while (!(await fetch('http://127.0.0.1:' + port).then(() => true, () => server.exitCode !== null))) await sleep(50);
    const answers = [
      await Promise.all([1, 2, 3].map((x) => ask('/predict', JSON.stringify([x, 2])))),
      await ask('/singular-values', '[[3, 0], [0, 4]]'),
      (await ask('/predict', '[1]'))[1].code,
      (await ask('/predict', 'no JSON'))[0],
    ];
    const expected = [[1, 4, 9].map((x) => [200, [x, 4]]), [200, [4, 3]], 'ERR_SHAPE', 400];
    const same = JSON.stringify(answers) === JSON.stringify(expected);
    console.log(same ? 'right' : 'WRONG: ' + JSON.stringify(answers));
  } finally {
    server.kill('SIGTERM');
    await ended;
  }
`;

/** Copies packages of the tools, and what they depend on, into a project. */
function add(project, tools, names, added = new Set()) {
  for (const name of names.filter((each) => !added.has(each))) {
    const from = path.join(tools, name);
    cpSync(from, path.join(project.folder, 'node_modules', name), { recursive: true });
    const { dependencies = {} } = JSON.parse(readFileSync(path.join(from, 'package.json'), 'utf8'));
    add(project, tools, Object.keys(dependencies), added.add(name));
  }
}

/** @type {import('./surroundings.mjs').Check[]} */
export const next = ['turbopack', 'webpack'].map((bundler) => ({
  name: `Next.js, ${bundler}`,
  async run({ registry, version, tools, folder }) {
    const project = new Project(folder('built'), { dependencies: { tensorlane: version } });
    await project.command('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--registry', registry);
    add(project, tools, ['next', 'react', 'react-dom', '@next/swc-linux-x64-gnu']);
    for (const part of ['service.mjs', 'next'])
      cpSync(inRoot('examples', part), path.join(project.folder, part), {
        recursive: true,
        filter: (file) => !/\/(\.next|node_modules)$/.test(file),
      });
    const build = [path.join('node_modules', 'next', 'dist', 'bin', 'next'), 'build', 'next', `--${bundler}`];
    // The folder with the lock file is the root of what it takes, but not where that is above one's home.
    const env = [`HOME=${folder('home')}`, 'NEXT_TELEMETRY_DISABLED=1', 'NODE_ENV=production'];
    await project.command('env', ...env, process.execPath, ...build);
    const standalone = path.join(project.folder, 'next', '.next', 'standalone');
    if (!existsSync(path.join(standalone, 'next', 'server.js'))) throw new Error('there is no server of its own');

    const moved = new Project(folder('moved'));
    cpSync(standalone, moved.folder, { recursive: true, verbatimSymlinks: true });
    rmSync(project.folder, { recursive: true });
    moved.write('asking.mjs', asking);
    await moved.expectRight(process.execPath, 'asking.mjs');
  },
}));
