// What the servers in this folder share: a device, a model, and what they answer. Each of them shows one framework.

import { open, TensorlaneError, tensor } from 'tensorlane';

/** Loads a model with one input and one output, both of float32. */
export async function startService(path) {
  const device = await open();
  const model = await device.loadModel(path, {
    batching: { maxQueueSize: 1000, defaultTimeoutMicros: 2_000_000 },
  });
  const input = model.inputs[0].name;
  const output = model.outputs[0].name;

  return {
    /** One row through the model; callers of the same moment share a batch. Who hangs up is not computed for. */
    async predict(row, signal) {
      const data = Float32Array.from(row);
      const results = await model.run({ [input]: tensor(data, [1, data.length]) }, { signal });
      return [...results[output].data];
    },

    /** The singular values of a matrix, on a thread of tensorlane's own. */
    async singularValues(matrix) {
      const { s } = await device.linalg.svd(tensor(matrix, { type: 'float64' }), { mode: 'values' });
      return [...s.data];
    },

    /** Answers what was accepted, and then lets go of the device. */
    async stop() {
      await model.dispose();
      await device.dispose();
    },
  };
}

const busy = ['ERR_QUEUE_FULL', 'ERR_OVERLOADED', 'ERR_TIMEOUT'];

/** A failure as HTTP tells it. */
export function refusalOf(error) {
  if (!(error instanceof TensorlaneError)) {
    return { status: 400, headers: {}, body: { code: 'ERR_REQUEST', message: String(error) } };
  }
  const { code, message, retryAfterMicros } = error;
  if (!busy.includes(code)) return { status: 400, headers: {}, body: { code, message } };
  const seconds = Math.max(1, Math.ceil((retryAfterMicros ?? 0) / 1e6));
  return { status: 503, headers: { 'retry-after': String(seconds) }, body: { code, message } };
}
