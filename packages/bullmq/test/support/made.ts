// A queue of a test's own, and workers of it, which end with the test.

import { TensorQueue, type TensorQueueOptions, TensorWorker, type TensorWorkerOptions } from '../../lib/index.js';
import type { Place } from './place.js';

let number = 0;

/** With a worker of these options, unless there is to be none at first. */
export async function make(place: Place, worker: TensorWorkerOptions | 'none' = {}, queue: TensorQueueOptions = {}) {
  const name = `made-${++number}`;
  const jobs = new TensorQueue(name, { connection: place.url, ...queue });
  await jobs.ready();
  const { maxWaiting: _, maxWaitMs: __, ...shared } = queue;
  const workers: TensorWorker[] = [];
  const work = async (options: TensorWorkerOptions = {}) => {
    const one = new TensorWorker(name, {
      connection: place.url,
      device: place.device,
      lockMs: 1000,
      stalledCheckMs: 300,
      ...shared,
      ...options,
    });
    workers.push(one);
    await one.ready();
    return one;
  };
  if (worker !== 'none') await work(worker);
  return {
    name,
    jobs,
    work,
    workers,
    async [Symbol.asyncDispose]() {
      await Promise.all([jobs.close(), ...workers.map((one) => one.close())]);
    },
  };
}
