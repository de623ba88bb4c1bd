// The thread of a model that is JS: it imports the file and runs its `run`, as often at once as it is told to. What a run wants of other
// models it asks the worker for, where they share batches with the requests of others.

import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import type { Tensors } from '../payload/tensors.js';
import { type FromThread, packed, type ThreadData, type Told, type ToThread, told } from './js-messages.js';

interface Module {
  readonly inputs?: readonly { readonly name: string }[];
  readonly outputs?: readonly { readonly name: string }[];
  readonly run?: (feeds: Tensors, context: object) => unknown;
}

const { name: model, file } = workerData as ThreadData;
const running = new Map<number, AbortController>();
const calls = new Map<number, { resolve(outputs: Tensors): void; reject(error: Error): void }>();
let lastCall = 0;

const say = (message: FromThread, memory: ArrayBuffer[] = []) => parentPort!.postMessage(message, memory);
const errorOf = ({ code, message }: Told) => Object.assign(new Error(message), { code });
const fault = (code: string, message: string) => Object.assign(new Error(`${model}: ${message}`), { code });

async function load(): Promise<Module> {
  const module = (await import(pathToFileURL(file).href)) as Module;
  if (typeof module.run !== 'function') throw fault('ERR_ARGUMENT', `${file} exports no function run`);
  for (const what of ['inputs', 'outputs'] as const) {
    const values = module[what];
    if (values === undefined) continue;
    if (Array.isArray(values) && values.every((one) => typeof one?.name === 'string')) continue;
    throw fault('ERR_ARGUMENT', `${file}: ${what} must be an array of { name, ... }`);
  }
  return module;
}

async function run(module: Module, { run: number, feeds, context }: ToThread & { kind: 'run' }): Promise<void> {
  const controller = new AbortController();
  running.set(number, controller);
  try {
    for (const { name } of module.inputs ?? []) {
      if (feeds[name] === undefined) throw fault('ERR_ARGUMENT', `input '${name}' is missing`);
    }
    for (const name of Object.keys(feeds)) {
      if (module.inputs?.some((one) => one.name === name) ?? true) continue;
      const known = module.inputs!.map((one) => one.name).join(', ');
      throw fault('ERR_ARGUMENT', `there is no input '${name}'; there is ${known}`);
    }
    const models = {
      run: (name: string, given: Tensors, { options = {} }: { options?: Record<string, unknown> } = {}) =>
        ask(number, name, given, options),
    };
    const progress = (value: number | object) => say({ kind: 'progress', run: number, value });
    const given = await module.run!(feeds, { ...context, models, progress, signal: controller.signal });
    const outputs = (given ?? {}) as Tensors;
    for (const { name } of module.outputs ?? []) {
      if (outputs[name] === undefined) throw fault('ERR_MODEL', `its run gave no output '${name}'`);
    }
    const { copies, memory } = packed(outputs);
    say({ kind: 'done', run: number, outputs: copies }, memory);
  } catch (reason) {
    const { code, message } = told(reason);
    // The library's own failures are told as they are, and so are those of other models.
    const isOurs = code?.startsWith('ERR_') === true;
    say({
      kind: 'failed',
      run: number,
      error: isOurs ? { code, message } : { code: 'ERR_MODEL', message: `${model} failed: ${message}` },
    });
  } finally {
    running.delete(number);
  }
}

function ask(number: number, name: string, feeds: Tensors, options: Record<string, unknown>): Promise<Tensors> {
  const call = ++lastCall;
  return new Promise((resolve, reject) => {
    const { copies, memory } = packed(feeds);
    calls.set(call, { resolve, reject });
    say({ kind: 'call', run: number, call, name: String(name), feeds: copies, options }, memory);
  });
}

try {
  const module = await load();
  parentPort!.on('message', (message: ToThread) => {
    if (message.kind === 'run') void run(module, message);
    else if (message.kind === 'abort') running.get(message.run)?.abort(errorOf(message.reason));
    else {
      const waiting = calls.get(message.call);
      calls.delete(message.call);
      if (message.kind === 'answer') waiting?.resolve(message.outputs);
      else waiting?.reject(errorOf(message.error));
    }
  });
  say({ kind: 'ready' });
} catch (reason) {
  const { code, message } = told(reason);
  const error = code?.startsWith('ERR_ARGUMENT')
    ? { code, message }
    : { code: 'ERR_MODEL', message: `${file} cannot be imported: ${message}` };
  say({ kind: 'broken', error });
}
