// What examples of the documentation take from the reader's own code.

import { open, tensor } from 'tensorlane';

const device = await open('cpu');
const model = await device.loadModel('model.onnx');
const feeds = { x: tensor(new Float32Array(16).fill(3), [1, 16]) };

/** A database of one key. */
const database = {
  getMany: async (keys: string[]) =>
    new Map(keys.filter((key) => key === 'a key').map((key) => [key, 1] as [string, number])),
};

export { database, device, feeds, model };
