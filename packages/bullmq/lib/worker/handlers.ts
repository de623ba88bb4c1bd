// What a job's name stands for at a worker: an operation of linear algebra, a model, or a function of the user's.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Device, Model, Tensor } from 'tensorlane';
import { TensorlaneError } from 'tensorlane';
import { isPlainObject, refuse, shown } from '../core/checks.js';
import { operations } from '../job/operations.js';
import type { Tensors } from '../payload/tensors.js';
import { Algebra } from './algebra.js';
import { givenUp, untilGivenUp } from './giving-up.js';
import type { HandlerContext } from './handler-context.js';
import { type JsLimits, JsModel } from './js-model.js';

/** A function of the user's. What it throws fails the job; with a TensorlaneError, the caller gets its code. */
export type Handler = (feeds: Readonly<Record<string, Tensor>>, context: HandlerContext) => Promise<Tensors> | Tensors;

/**
 * A path or bytes, which the worker loads and disposes, or a model that is its owner's. A path that ends in .mjs, .js or .cjs is a model in JS,
 * which runs in a thread of its own.
 */
export type ModelGiven = string | URL | Uint8Array | Model;

export class Handlers {
  readonly #models = new Map<string, Model>();
  readonly #own: Model[] = [];
  readonly #jsModels = new Map<string, JsModel>();
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #algebra: Algebra;

  private constructor(algebra: Algebra, handlers: ReadonlyMap<string, Handler>) {
    this.#algebra = algebra;
    this.#handlers = handlers;
  }

  /** Errors: those of device.loadModel and JsModel.load. */
  static async load(
    device: Device,
    models: Readonly<Record<string, ModelGiven>>,
    handlers: Readonly<Record<string, Handler>>,
    limits: JsLimits,
  ): Promise<Handlers> {
    const all = new Handlers(new Algebra(device, device.stats().streams.size), new Map(Object.entries(handlers)));
    try {
      for (const [name, model] of Object.entries(models)) {
        const file = scriptOf(model);
        if (file !== undefined) {
          const run: Handlers['run'] = (asked, feeds, context) => all.run(asked, feeds, context);
          all.#jsModels.set(name, await JsModel.load({ name, file }, run, limits));
          continue;
        }
        const isLoaded = typeof (model as Partial<Model>).run === 'function';
        const loaded = isLoaded ? (model as Model) : await device.loadModel(model as string | URL | Uint8Array);
        if (!isLoaded) all.#own.push(loaded);
        all.#models.set(name, loaded);
      }
    } catch (reason) {
      await all.dispose();
      throw reason;
    }
    return all;
  }

  get names(): string[] {
    return [...operations.keys(), ...this.#models.keys(), ...this.#jsModels.keys(), ...this.#handlers.keys()];
  }

  /** Errors: ERR_NOT_FOUND, and those of what it stands for. */
  async run(name: string, feeds: Tensors, context: HandlerContext): Promise<Tensors> {
    const { signal, options } = context;
    if (operations.has(name)) return untilGivenUp(signal, () => this.#algebra.run(name, feeds, options));
    const model = this.#models.get(name);
    if (model !== undefined) {
      const [given] = Object.keys(options);
      if (given === undefined) return runModel(model, feeds, signal);
      throw new TensorlaneError('ERR_ARGUMENT', `${name}: a model has no options, got ${shown(given)}`);
    }
    const jsModel = this.#jsModels.get(name);
    if (jsModel !== undefined) return untilGivenUp(signal, () => jsModel.run(feeds, context));
    const handler = this.#handlers.get(name);
    if (handler !== undefined) return untilGivenUp(signal, () => handler(feeds, context));
    throw new TensorlaneError(
      'ERR_NOT_FOUND',
      `'${name}' is no operation, model or handler of this worker; there is ${this.names.join(', ')}`,
    );
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#jsModels.values()].map((model) => model.dispose()));
    await this.#algebra.dispose();
    await Promise.all(this.#own.map((model) => model.dispose()));
  }
}

/** A model watches the signal itself. */
async function runModel(model: Model, feeds: Tensors, signal: AbortSignal): Promise<Tensors> {
  try {
    return (await model.run(feeds, { signal, abortWhileRunning: true })) as Tensors;
  } catch (reason) {
    throw signal.aborted ? givenUp(signal) : reason;
  }
}

/** The file of a model that is JS. */
function scriptOf(model: ModelGiven): string | undefined {
  if (typeof model !== 'string' && !(model instanceof URL)) return undefined;
  const file = model instanceof URL || model.startsWith('file:') ? fileURLToPath(model) : model;
  return /\.[cm]?js$/.test(file) ? path.resolve(file) : undefined;
}

/** That each name stands for one thing. Errors: ERR_ARGUMENT. */
export function checkHandlers(models: object, handlers: object): void {
  if (!isPlainObject(models)) refuse(`TensorWorker: models must be an object of models by name, got ${shown(models)}`);
  if (!isPlainObject(handlers))
    refuse(`TensorWorker: handlers must be an object of functions by name, got ${shown(handlers)}`);
  for (const name of [...Object.keys(models), ...Object.keys(handlers)]) {
    if (operations.has(name))
      refuse(`TensorWorker: '${name}' is the name of an operation, and cannot be that of a model or handler`);
  }
  for (const [name, handler] of Object.entries(handlers)) {
    if (typeof handler !== 'function')
      refuse(`TensorWorker: handlers.${name} must be a function, got ${shown(handler)}`);
    if (Object.hasOwn(models, name)) refuse(`TensorWorker: '${name}' is both a model and a handler`);
  }
}
