import { open } from 'tensorlane';
import type { Contender, HostTensors } from './contender.js';

/** tensorlane on the CPU device. */
export async function openTensorlane(): Promise<Contender> {
  const device = await open('cpu');
  return {
    name: 'tensorlane',
    async load(path, { maxBatchSize, concurrency } = {}) {
      const model = await device.loadModel(path, {
        ...(maxBatchSize === undefined ? {} : { batching: { maxBatchSize } }),
        ...(concurrency === undefined ? {} : { concurrency }),
      });
      type Inputs = Parameters<typeof model.run>[0];
      return {
        prepare: (inputs) => inputs,
        run: (prepared) => model.run(prepared as Inputs) as unknown as Promise<HostTensors>,
        batches: () => (model.batching.enabled ? model.stats().batches : undefined),
        close: async () => model[Symbol.asyncDispose](),
      };
    },
    close: async () => device[Symbol.asyncDispose](),
  };
}
