#!/usr/bin/env node
// The command of the package: npx @tensorlane/bullmq --models ./models --queues svd,ocr

import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { listDevices, type OpenOptions, open, TensorlaneError } from 'tensorlane';
import { type ModelGiven, TensorQueue, TensorWorker } from '../index.js';
import { reportForDuty, runFleet } from './fleet.js';
import { findModels } from './models.js';
import { describeStatus } from './status.js';

const usage = `Usage: tensorlane-bullmq --queues NAME,... [options]      works on queues until it is told to end
       tensorlane-bullmq status --queues NAME,... [--redis URL]   says what waits, who works and what failed

Jobs name an operation of linear algebra (svd, matmul, ...) or a model.

  --queues NAME,...   the queues
  --redis URL,...     redis://127.0.0.1:6379, or the variable REDIS_URL; several for queues that are spread over them (ShardedQueue)
  --prefix TEXT       of all keys in Redis (bull)
  --models FOLDER     its models by their names: NAME.onnx, NAME/model.onnx or NAME/VERSION/model.onnx,
                      and model.mjs, which run in threads of their own
  --device NAME,...   cpu, cuda or cuda:N; by default the best that works here. With several, such as cuda:0,cuda:1 or cpu,cpu,
                      each has a process and a part of the cores; 'all' is every GPU of this machine
  --concurrency N     how many jobs of a queue it takes at once; by default it finds out
  --lock SECONDS      for how long a job is its own without a word from it (30)
  --json              status as JSON
  --help`;

const options = {
  queues: { type: 'string' },
  redis: { type: 'string' },
  prefix: { type: 'string' },
  models: { type: 'string' },
  device: { type: 'string' },
  concurrency: { type: 'string' },
  lock: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

class UsageError extends Error {}

type Values = ReturnType<typeof read>['values'];
const read = (args: readonly string[]) => parseArgs({ args: [...args], options, allowPositionals: true });

async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = read(args);
    if (values.help === true) {
      console.log(usage);
      return 0;
    }
    const [command, ...more] = positionals;
    if (more.length > 0 || (command !== undefined && command !== 'status' && command !== 'work')) {
      throw new UsageError(`there is no command '${positionals.join(' ')}'`);
    }
    const queues = (values.queues ?? '').split(',').filter((name) => name !== '');
    if (queues.length === 0) throw new UsageError('--queues is expected: names, with commas between them');
    if (command === 'status') {
      await status(queues, values);
      return 0;
    }
    const devices = await devicesOf(values.device);
    if (devices.length > 1) return await runFleet(devices, [process.argv[1]!, ...without(args, '--device')], told());
    return await work(queues, values, devices[0]);
  } catch (error) {
    const isUsage = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
    const isTold = error instanceof TensorlaneError || typeof (error as { syscall?: unknown }).syscall === 'string';
    if (!isUsage && !isTold) throw error;
    console.error(`tensorlane-bullmq: ${(error as Error).message}${isUsage ? `\n${usage}` : ''}`);
    return isUsage ? 2 : 1;
  }
}

/** For each Redis. */
const connectionsOf = ({ redis, prefix }: Values) => {
  const urls = (redis ?? process.env.REDIS_URL ?? 'redis://127.0.0.1:6379').split(',').filter((url) => url !== '');
  if (urls.length === 0) throw new UsageError('--redis is expected to be URLs, with commas between them');
  return urls.map((connection) => ({ connection, prefix }));
};

/** Errors: ERR_NO_DEVICE, where all are none. */
async function devicesOf(text: string | undefined): Promise<string[]> {
  if (text !== 'all') return (text ?? '').split(',').filter((name) => name !== '');
  const gpus = (await listDevices()).filter(({ kind }) => kind === 'cuda');
  if (gpus.length > 0) return gpus.map(({ index }) => `cuda:${index}`);
  throw new TensorlaneError('ERR_NO_DEVICE', '--device all: there is no GPU here that works');
}

/** Arguments without an option and its value. */
function without(args: readonly string[], option: string): string[] {
  return args.filter((one, i) => one !== option && !one.startsWith(`${option}=`) && args[i - 1] !== option);
}

/** Gives the status to end with. */
async function work(queues: readonly string[], values: Values, name: string | undefined): Promise<number> {
  const models = values.models === undefined ? {} : findModels(values.models);
  const concurrency = numberIn('--concurrency', values.concurrency);
  const lockSeconds = numberIn('--lock', values.lock);
  await using device = await open((name === undefined ? {} : { device: name }) as OpenOptions);
  const connections = connectionsOf(values);
  // Over several Redis, too, they are loaded once; what is JS has its thread at each worker.
  const loaded = Object.entries(models).map(async ([model, file]) => {
    return [model, file.endsWith('.onnx') && connections.length > 1 ? await device.loadModel(file) : file] as const;
  });
  const given: Record<string, ModelGiven> = Object.fromEntries(await Promise.all(loaded));
  // Whoever started it starts another.
  let lost = () => {};
  const isLost = new Promise<'lost'>((resolve) => {
    lost = () => resolve('lost');
  });
  const workers = connections.map(
    (connection) =>
      new TensorWorker(queues, {
        ...connection,
        device,
        models: given,
        concurrency,
        lockMs: lockSeconds === undefined ? undefined : lockSeconds * 1000,
        onError: (error) => {
          complain(error.message);
          if ((error as { code?: string }).code === 'ERR_DEVICE_LOST') lost();
        },
      }),
  );
  try {
    await Promise.all(workers.map((worker) => worker.ready()));
    const names = Object.keys(models);
    const { info } = device;
    const { fallbackReason } = info;
    console.log(`${info.kind} ${info.name}${fallbackReason === undefined ? '' : ` (${fallbackReason})`}`);
    console.log(`models: ${names.length === 0 ? 'none' : names.join(', ')}, and linear algebra`);
    console.log(`working on ${queues.join(', ')}; SIGTERM ends it when it has answered what it has taken`);
    const isOver = told();
    const how = await Promise.race([isOver, new Promise<void>(reportForDuty), isLost]);
    return how === 'lost' ? 1 : 0;
  } finally {
    await Promise.all(workers.map((worker) => worker.close()));
  }
}

const sameAgainMs = 10_000;
let said = { message: '', at: -Infinity };

/** A connection that is lost is lost several times a second. */
function complain(message: string): void {
  const now = performance.now();
  if (message === said.message && now - said.at < sameAgainMs) return;
  said = { message, at: now };
  console.error(`tensorlane-bullmq: ${message}`);
}

/** Whoever asks once does not wait for a Redis that is not there. Errors: the system's, or Redis' own. */
async function requireRedis(url: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  let why: Error | undefined;
  redis.on('error', (error) => {
    why = error;
  });
  try {
    await redis.connect();
  } catch (error) {
    throw new TensorlaneError('ERR_NOT_FOUND', `${url}: ${(why ?? (error as Error)).message}`);
  } finally {
    redis.disconnect();
  }
}

async function status(queues: readonly string[], values: Values): Promise<void> {
  const connections = connectionsOf(values);
  await Promise.all(connections.map(({ connection }) => requireRedis(connection)));
  for (const name of queues) {
    for (const [i, connection] of connections.entries()) {
      await using queue = new TensorQueue(name, { ...connection, allowEviction: true });
      const [now, letters] = await Promise.all([queue.status(), queue.deadLetters(0, 4)]);
      const which = connections.length === 1 ? name : `${name}, Redis ${i + 1} of ${connections.length}`;
      console.log(values.json === true ? JSON.stringify({ name, ...now }) : describeStatus(which, now, letters));
    }
  }
}

function numberIn(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number)) return number;
  throw new UsageError(`${name} must be a number, got '${text}'`);
}

/** A second signal ends it at once. */
function told(): Promise<void> {
  return new Promise((resolve) => {
    let isTold = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (isTold) process.exit(1);
        isTold = true;
        resolve();
      });
    }
  });
}

process.exitCode = await main(process.argv.slice(2));
