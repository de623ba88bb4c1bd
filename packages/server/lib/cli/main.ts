#!/usr/bin/env node
// The command of the package: npx @tensorlane/server ./models

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type DeviceName, type OpenOptions, TensorlaneError } from 'tensorlane';
import { readBatchingFile, readConfigFile, readServingFile, serve } from '../index.js';
import type { AccessOptions } from '../security/access.js';
import type { Server, ServerOptions } from '../server.js';
import { describe } from './describe.js';
import { exampleModels } from './examples.js';
import { over } from './over.js';

/** Tokens are no arguments: those can be seen by everyone on a machine. */
const tokenVariables = { inference: 'TENSORLANE_SERVER_TOKEN', control: 'TENSORLANE_SERVER_CONTROL_TOKEN' } as const;

const usage = `Usage: tensorlane-server [FOLDER] [options]
Serves the models of a folder, NAME/VERSION/model.onnx (or model.mjs) or NAME.onnx, over the Open Inference Protocol v2 and
TensorFlow Serving's, by REST and gRPC.

  --config FILE        options of \`serve\`: a .json, .mjs or .ts; those of the command come on top;
                       without FOLDER tensorlane.config.{ts,mjs,js,json} of the working directory
  --http ADDRESS       where HTTP listens: HOST:PORT, a port on loopback, or unix:PATH (127.0.0.1:8000)
  --grpc ADDRESS       where gRPC listens, likewise (127.0.0.1:8001); off: nowhere
  --device NAME        cpu, cuda or cuda:N; by default the best that works here
  --devices GPUS       several GPUs as one: all, or their numbers, as 0,2; models are on each of them
  --poll SECONDS       how often the folder is looked at for new versions; 0: only once (1)
  --linalg             serves linear algebra, too: linalg.svd, linalg.solve, ...; without a folder it does by itself
  --control            lets clients load and unload models, and change what is traced and logged
  --max-body BYTES     the largest body of a request (${64 * 2 ** 20})
  --tls-cert FILE, --tls-key FILE  TLS, by a certificate and its key as PEM; --tls-ca FILE: clients need one that these have signed
  --token-file FILE    tokens that clients need, one a line; else the environment's ${tokenVariables.inference}
  --control-token-file FILE  those of who loads and unloads models; else ${tokenVariables.control}
  --log LEVEL          what is logged, to stderr: error, warn, info (every request), silent (warn)
  --trace-file FILE    where traces are written, as Triton writes them
  --drain SECONDS      how long a stop waits for what was accepted (30)
  --model_config_file FILE         TensorFlow Serving's model_config_list, as text protobuf or JSON
  --batching_parameters_file FILE  TensorFlow Serving's batching parameters
  --help`;

const flags = {
  config: { type: 'string' },
  http: { type: 'string' },
  grpc: { type: 'string' },
  device: { type: 'string' },
  devices: { type: 'string' },
  poll: { type: 'string' },
  linalg: { type: 'boolean' },
  control: { type: 'boolean' },
  'max-body': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-ca': { type: 'string' },
  'token-file': { type: 'string' },
  'control-token-file': { type: 'string' },
  log: { type: 'string' },
  'trace-file': { type: 'string' },
  drain: { type: 'string' },
  model_config_file: { type: 'string' },
  batching_parameters_file: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** Where nothing says what is served, the first of these that is in the working directory does. */
const configFiles = ['ts', 'mjs', 'js', 'json'].map((ending) => `tensorlane.config.${ending}`);

class UsageError extends Error {}

async function optionsOf(args: readonly string[]): Promise<ServerOptions | undefined> {
  const { values, positionals } = parseArgs({ args: [...args], options: flags, allowPositionals: true });
  if (values.help === true) return undefined;
  const { model_config_file: modelFile, batching_parameters_file: batchingFile } = values;
  const isBare = positionals.length === 0 && modelFile === undefined;
  const config = values.config ?? (isBare ? configFiles.find((file) => existsSync(file)) : undefined);
  if (positionals.length > 1) throw new UsageError('one folder of models is expected');
  const serving = modelFile === undefined ? undefined : readServingFile(modelFile);
  const bodyBytes = numberIn('--max-body', values['max-body']);
  const hasNone = isBare && config === undefined;
  const given: ServerOptions = {
    repository: hasNone ? exampleModels() : positionals[0],
    http: values.http,
    grpc: values.grpc === 'off' ? false : values.grpc,
    device: deviceOf(values.device as DeviceName | undefined, values.devices, serving?.device),
    pollSeconds: numberIn('--poll', values.poll),
    linalg: values.linalg ?? (hasNone ? true : undefined),
    explicitControl: values.control,
    drainSeconds: numberIn('--drain', values.drain),
    tls: tlsOf(values['tls-cert'], values['tls-key'], values['tls-ca']),
    auth: authOf(values['token-file'], values['control-token-file']),
    log: (values.log ?? (config === undefined ? 'warn' : undefined)) as ServerOptions['log'],
    trace: values['trace-file'] === undefined ? undefined : { file: values['trace-file'] },
    limits: bodyBytes === undefined ? undefined : { bodyBytes },
    models: serving?.models,
    load: batchingFile === undefined ? serving?.load : readBatchingFile(batchingFile),
  };
  const options = over(config === undefined ? {} : await readConfigFile(config), given);
  if (given.tls !== undefined && options.tls?.cert === undefined) {
    throw new UsageError('--tls-ca needs a certificate: --tls-cert and --tls-key');
  }
  return options;
}

function deviceOf(
  name: DeviceName | undefined,
  several: string | undefined,
  options: OpenOptions | undefined,
): ServerOptions['device'] {
  if (several !== undefined) return { ...options, device: name ?? 'cuda', devices: devicesIn(several) };
  if (options === undefined) return name;
  return name === undefined ? options : { ...options, device: name };
}

function devicesIn(text: string): NonNullable<OpenOptions['devices']> {
  if (text === 'all') return text;
  if (/^\d{1,4}(,\d{1,4})*$/.test(text)) return text.split(',').map(Number);
  throw new UsageError(`--devices must be 'all' or numbers of GPUs, as 0,2, got '${text}'`);
}

function tlsOf(cert: string | undefined, key: string | undefined, ca: string | undefined): ServerOptions['tls'] {
  if (cert !== undefined && key !== undefined) return { cert, key, ca };
  if (cert !== undefined || key !== undefined) throw new UsageError('--tls-cert and --tls-key go together');
  // Of the certificate that the configuration has.
  return ca === undefined ? undefined : ({ ca } as ServerOptions['tls']);
}

function authOf(tokenFile: string | undefined, controlTokenFile: string | undefined): ServerOptions['auth'] {
  const inference = accessOf(tokenFile, tokenVariables.inference);
  const control = accessOf(controlTokenFile, tokenVariables.control);
  return inference === undefined && control === undefined ? undefined : { inference, control };
}

function accessOf(tokenFile: string | undefined, variable: string): AccessOptions | undefined {
  if (tokenFile !== undefined) return { tokenFile };
  return process.env[variable] ? { tokenVariable: variable } : undefined;
}

function numberIn(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number)) return number;
  throw new UsageError(`${name} must be a number, got '${text}'`);
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const given = await optionsOf(args);
    if (given === undefined) {
      console.log(usage);
      return 0;
    }
    const server = await serve(given);
    // Who reads what is printed may end it at once.
    const end = stopped(server);
    console.log(describe(server, given));
    await end;
    return 0;
  } catch (error) {
    const isUsage = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
    const isTold = error instanceof TensorlaneError || typeof (error as { syscall?: unknown }).syscall === 'string';
    if (!isUsage && !isTold) throw error;
    console.error(`tensorlane-server: ${(error as Error).message}${isUsage ? `\n${usage}` : ''}`);
    return isUsage ? 2 : 1;
  }
}

/** Until a signal has told it to end, and it has. A second signal ends it at once. */
function stopped(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    let isTold = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (isTold) process.exit(1);
        isTold = true;
        server.close().then(resolve, reject);
      });
    }
  });
}

process.exitCode = await main(process.argv.slice(2));
