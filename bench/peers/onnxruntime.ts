import ort from 'onnxruntime-node';
import type { Contender, HostTensors } from './contender.js';

/** onnxruntime-node as its documentation shows it: one session, default options (a thread a core). */
export async function openOnnxRuntime(): Promise<Contender> {
  return {
    name: 'onnxruntime-node',
    async load(path) {
      const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3 });
      return {
        prepare: (inputs) =>
          Object.fromEntries(
            Object.entries(inputs).map(([name, { type, data, dims }]) => [
              name,
              new ort.Tensor(type, data as Float32Array, [...dims]),
            ]),
          ),
        run: (prepared) =>
          session.run(prepared as ort.InferenceSession.OnnxValueMapType) as unknown as Promise<HostTensors>,
        batches: () => undefined,
        close: () => session.release(),
      };
    },
    close: async () => {},
  };
}
