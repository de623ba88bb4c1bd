// grpc.health.v1.Health: of the whole server (no name), of a service of it, or of a model, by its name.

import type { Server, ServerWritableStream } from '@grpc/grpc-js';
import { Refusal } from '../core/errors.js';
import type { Engine } from '../engine/engine.js';
import { inferenceService } from './inference.js';
import { type Around, addService, failure, type Sized } from './service.js';
import { modelService, predictionService } from './tensorflow.js';

const [serving, notServing, serviceUnknown] = [1, 2, 3];
const services: readonly string[] = ['', inferenceService, predictionService, modelService];
/** How often watchers learn of what has changed. */
const watchMillis = 200;

/** Watching is for everyone, as load balancers have no token: these are as many as a server has use for. */
export const mostWatchers = 1000;

/** Ends the streams of who watches. */
export function addHealth(server: Server, engine: Engine, around: Around): () => void {
  const watchers = new Set<Watcher>();
  let timer: NodeJS.Timeout | undefined;
  const tellAll = () => {
    // Once for all who watch the same.
    const known = new Map<string, number>();
    for (const watcher of watchers) {
      const { service } = watcher;
      const status = known.get(service) ?? statusOf(engine, service);
      known.set(service, status);
      watcher.tell(status);
    }
  };
  const Watch = (stream: ServerWritableStream<Sized, object>) => {
    if (watchers.size >= mostWatchers) {
      const many = new Refusal('RESOURCE_EXHAUSTED', `there are ${mostWatchers} who watch, which is as many as may`);
      stream.emit('error', failure(many));
      return;
    }
    const watcher = new Watcher(stream);
    watchers.add(watcher);
    const stop = () => {
      watchers.delete(watcher);
      if (watchers.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
    stream.on('cancelled', stop).on('error', stop);
    watcher.tell(statusOf(engine, watcher.service));
    timer ??= setInterval(tellAll, watchMillis).unref();
  };
  const Check = ({ service }: { service: string }) => {
    const status = statusOf(engine, service);
    if (status === serviceUnknown)
      throw new Refusal('NOT_FOUND', `there is no service or model '${service.slice(0, 200)}'`);
    return { status };
  };
  // Health is for everyone, and which models there are is not.
  const List = () => ({
    statuses: Object.fromEntries(services.map((service) => [service, { status: statusOf(engine, service) }])),
  });
  addService(server, 'grpc.health.v1.Health', around, { Check, List }, { Watch });
  return () => {
    clearInterval(timer);
    tellAll();
    for (const { stream } of watchers) stream.end();
    watchers.clear();
  };
}

class Watcher {
  readonly service: string;
  #last: number | undefined;

  constructor(readonly stream: ServerWritableStream<Sized, object>) {
    this.service = stream.request.message.service;
  }

  /** Of what is new. */
  tell(status: number): void {
    if (status !== this.#last) this.stream.write({ status });
    this.#last = status;
  }
}

function statusOf(engine: Engine, service: string): number {
  if (services.includes(service)) return engine.ready ? serving : notServing;
  if (engine.closed) return notServing;
  const model = engine.status().find(({ name }) => name === service);
  if (model === undefined) return serviceUnknown;
  return model.versions.some(({ state }) => state === 'AVAILABLE') ? serving : notServing;
}
