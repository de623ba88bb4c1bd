import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import type { Contender, HostTensor, HostTensors } from './contender.js';

/**
 * onnxruntime-node in worker threads, the usual cure for its synchronous runs: a thread a core, each with a session of one
 * intra-op thread. Inputs are in shared memory, which a thread copies once; outputs are transferred.
 */
export async function openPiscina(): Promise<Contender> {
  const threads = availableParallelism();
  const pool = new Piscina<{ path: string; inputs: HostTensors }, HostTensors>({
    filename: new URL('./piscina-worker.mjs', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    execArgv: [],
  });
  return {
    name: 'onnxruntime-node in piscina',
    async load(path) {
      return {
        prepare: (inputs) => Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, shared(input)])),
        run: (prepared) => pool.run({ path, inputs: prepared as HostTensors }),
        batches: () => undefined,
        close: async () => {},
      };
    },
    close: () => pool.destroy(),
  };
}

function shared({ type, data, dims }: HostTensor): HostTensor {
  const memory = new SharedArrayBuffer(data.byteLength);
  new Uint8Array(memory).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { type, data: type === 'float32' ? new Float32Array(memory) : new BigInt64Array(memory), dims };
}
