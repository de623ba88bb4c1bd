// grpc.health.v1.Health: of the whole server (no name), of a service of it, or of a model, by its name.

import type { Server, ServerWritableStream } from '@grpc/grpc-js';
import { Refusal } from '../core/errors.js';
import type { Engine } from '../engine/engine.js';
import { inferenceService } from './inference.js';
import { type Around, addService, type Sized } from './service.js';
import { modelService, predictionService } from './tensorflow.js';

const [serving, notServing, serviceUnknown] = [1, 2, 3];
const services: readonly string[] = ['', inferenceService, predictionService, modelService];
/** How often watchers learn of what has changed. */
const watchMillis = 200;

/** Ends the streams of who watches. */
export function addHealth(server: Server, engine: Engine, around: Around): () => void {
  const watchers = new Set<() => void>();
  const Watch = (stream: ServerWritableStream<Sized, object>) => {
    let last: number | undefined;
    const tell = () => {
      const status = statusOf(engine, stream.request.message.service);
      if (status !== last) stream.write({ status });
      last = status;
    };
    const timer = setInterval(tell, watchMillis).unref();
    const stop = () => {
      clearInterval(timer);
      watchers.delete(end);
    };
    const end = () => {
      tell();
      stop();
      stream.end();
    };
    watchers.add(end);
    stream.on('cancelled', stop).on('error', stop);
    tell();
  };
  const Check = ({ service }: { service: string }) => {
    const status = statusOf(engine, service);
    if (status === serviceUnknown)
      throw new Refusal('NOT_FOUND', `there is no service or model '${service.slice(0, 200)}'`);
    return { status };
  };
  addService(server, 'grpc.health.v1.Health', around, { Check }, { Watch });
  return () => {
    for (const end of [...watchers]) end();
  };
}

function statusOf(engine: Engine, service: string): number {
  if (services.includes(service)) return engine.ready ? serving : notServing;
  if (engine.closed) return notServing;
  const model = engine.status().find(({ name }) => name === service);
  if (model === undefined) return serviceUnknown;
  return model.versions.some(({ state }) => state === 'AVAILABLE') ? serving : notServing;
}
