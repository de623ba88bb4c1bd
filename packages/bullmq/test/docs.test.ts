// docs/jobs.md is true: its programs run against a worker and a Redis, its Python too, and its vectors are what is written.

import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { preparePage, runExample } from '../../../test/docs/examples.js';
import { blocksOf } from '../../../test/docs/markdown.js';
import { encodeTensors, TensorWorker } from '../lib/index.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';

const page = preparePage('docs/jobs.md', 'jobs-run');
const scalePage = preparePage('docs/jobs-scale.md', 'jobs-scale-run');
const blocks = blocksOf(readFileSync(new URL('../../../docs/jobs.md', import.meta.url), 'utf8'));
const python = blocks.find(({ language }) => language === 'python')!.code;
const hasPython = spawnSync('python3', ['-c', 'import redis, numpy']).status === 0;
if (!hasPython) console.warn('skipped: the Python of docs/jobs.md; there is no python3 with redis and numpy');

const printed: Readonly<Record<string, RegExp>> = {
  producer: /^\[ 2, 2 \] \[ 6\.7\d+, 2\.2\d+ \] \[ 2, 2 \]/,
  worker: /^16 2\n$/,
  flow: /^0\.75\n$/,
  chain: /^$/,
  shards: /^\[ 2 \] 1\n$/,
};

test('the vectors', () => {
  const vectors = blocks.find(({ language }) => language === 'text')!.code.split('\n');
  const a = encodeTensors(
    {
      a: tensor(
        [
          [3, 0],
          [4, 5],
        ],
        { type: 'float64' },
      ),
    },
    'test',
  );
  const s = encodeTensors({ s: tensor(['é', 'ab'], [2]) }, 'test');
  expect([a.toString('base64'), s.toString('base64')]).toEqual(vectors);
});

describe.skipIf(!hasRedis)('the programs', () => {
  const place = usePlace();
  let worker: TensorWorker;
  beforeAll(async () => {
    worker = new TensorWorker('svd', { connection: place.url, device: place.device });
    await worker.ready();
  });
  afterAll(() => worker.close());

  const programs = [page, scalePage].flatMap((of) => of.examples.map(({ name, file }) => [name!, file, of] as const));
  test.each(programs)('%s', async (name, file, of) => {
    const { code, stdout, stderr } = await runExample(of, file, { env: { REDIS_URL: place.url } });
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toMatch(printed[name]!);
  });

  test.skipIf(!hasPython)('in Python', async () => {
    const env = { ...process.env, REDIS_URL: place.url };
    const { stdout, stderr } = await promisify(execFile)('python3', ['-c', python], { env, timeout: 200_000 });
    expect([stderr, stdout]).toEqual(['', 'True\n']);
  });
});
