// The packages of packages/, each installed by its name and used as its README says.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findProgram } from '../../setup/packages.mjs';
import { inRoot } from '../../setup/run.mjs';
import { tarballOf } from './packed.mjs';
import { Project, square } from './project.mjs';
import { Skipped } from './skipped.mjs';

/** Starts a command, waits for what it prints, does something with that, and tells it to end; prints `right` where that gives true. */
const withCommand = (command, printed, body) => `
  import { spawn } from 'node:child_process';
  import { once } from 'node:events';
  const child = spawn(${command}, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let text = '';
  try {
    for await (const piece of child.stdout) {
      text += piece;
      if (${printed}.test(text)) break;
    }
    const found = ${printed}.exec(text);
    if (found === null) throw new Error('it printed ' + text);
    ${body}
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
`;

const serving = withCommand(
  "process.execPath, ['node_modules/.bin/tensorlane-server', './models', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0']",
  '/(http:\\S+)\\/v2\\n[^]*square\\/1 +AVAILABLE/',
  `
    const ask = async (row) => {
      const input = { name: 'x', datatype: 'FP32', shape: [1, 2], data: row };
      const body = JSON.stringify({ inputs: [input] });
      const response = await fetch(found[1] + '/v2/models/square/infer', { method: 'POST', body });
      return (await response.json()).outputs[0].data.join();
    };
    const answers = await Promise.all([[1, 2], [3, 4]].map(ask));
    console.log(answers.join(' ') === '1,4 9,16' ? 'right' : 'WRONG: ' + answers);
  `,
);

const asOnnxRuntime = (taken) => `
  ${taken}
  (async () => {
    const session = await InferenceSession.create(Buffer.from('${square}', 'base64'));
    const x = new Tensor('float32', Float32Array.of(3, 4), [1, 2]);
    const { y } = await session.run({ x });
    await session.release();
    console.log(y instanceof Tensor && [...y.data].join() === '9,16' ? 'right' : 'WRONG: ' + y.data);
  })();
`;

const jobs = (url) => `
  import { TensorQueue, TensorWorker } from '@tensorlane/bullmq';
  import { tensor } from 'tensorlane';
  const connection = '${url}';
  const worker = new TensorWorker('svd', { connection });
  const queue = new TensorQueue('svd', { connection });
  const job = await queue.svd(tensor([[3, 0], [0, 4]], { type: 'float64' }));
  const { s } = await job.result();
  await Promise.all([queue.close(), worker.close()]);
  console.log([...s.data].join() === '4,3' ? 'right' : 'WRONG: ' + s.data);
`;

async function installed(name, folder, registry, ...dependencies) {
  tarballOf(name);
  const project = new Project(folder);
  await project.command(
    ...['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--registry', registry],
    ...dependencies,
  );
  return project;
}

/** @type {import('./surroundings.mjs').Check[]} */
export const workspaces = [
  {
    name: '@tensorlane/server',
    async run({ registry, version, folder }) {
      const project = await installed('server', folder(''), registry, `@tensorlane/server@${version}`);
      project.write('models/square.onnx', Buffer.from(square, 'base64'));
      project.write('serving.mjs', serving);
      await project.expectRight(process.execPath, 'serving.mjs');
    },
  },
  {
    name: '@tensorlane/onnxruntime, as onnxruntime-node',
    async run({ registry, folder }) {
      const { version } = JSON.parse(readFileSync(inRoot('packages', 'onnxruntime', 'package.json'), 'utf8'));
      const alias = `onnxruntime-node@npm:@tensorlane/onnxruntime@${version}`;
      const project = await installed('onnxruntime', folder(''), registry, alias);
      project.write('own.cjs', asOnnxRuntime("const { InferenceSession, Tensor } = require('onnxruntime-node');"));
      project.write('own.mjs', asOnnxRuntime("import { InferenceSession, Tensor } from 'onnxruntime-node';"));
      for (const program of ['own.cjs', 'own.mjs']) await project.expectRight(process.execPath, program);
    },
  },
  {
    name: '@tensorlane/bullmq',
    async run({ registry, version, folder }) {
      const redis = findProgram('redis-server');
      if (!redis) throw new Skipped('it takes a redis-server: apt-get install redis-server');
      const project = await installed(
        'bullmq',
        folder(''),
        registry,
        `@tensorlane/bullmq@${version}`,
        `tensorlane@${version}`,
      );
      // The path of a socket has to be short.
      const place = mkdtempSync(path.join(tmpdir(), 'redis-'));
      const socket = path.join(place, 'socket');
      const settings = ['--port', '0', '--unixsocket', socket, '--dir', place, '--save', ''];
      const server = spawn(redis, settings, { stdio: 'ignore' });
      try {
        project.write('jobs.mjs', jobs(socket));
        await project.expectRight(process.execPath, 'jobs.mjs');
      } finally {
        server.kill();
        rmSync(place, { recursive: true, force: true });
      }
    },
  },
];
