// One check of `tensorlane doctor`, in a process of its own: what is broken may take it down. It does a little real work, and tells
// what it found.

import { answer } from '../../addon/trial.js';
import { open } from '../../device/open.js';
import type { Device } from '../../device/types.js';
import { tensor } from '../../tensor/tensor.js';
import { loadedFiles } from './loaded.js';
import { square } from './square.js';

export type Check = 'cpu' | 'models' | 'cuda';

export interface Found {
  /** What it is, in a line. */
  readonly what: string;
  /** The libraries that did it. */
  readonly libraries: readonly string[];
}

const checks: Readonly<Record<Check, () => Promise<string>>> = {
  cpu: () => algebraOn('cpu'),
  models: async () => {
    await using device = await open({ device: 'cpu', streams: 1 });
    await using model = await device.loadModel(Buffer.from(square, 'base64'));
    const { y } = await model.run({ x: tensor([[3, 4]]) });
    if (y?.data[0] !== 9 || y.data[1] !== 16) throw new Error(`a model gave ${y?.data} for the squares of 3 and 4`);
    return `a model runs on ${model.provider}`;
  },
  cuda: () => algebraOn('cuda'),
};

async function algebraOn(kind: 'cpu' | 'cuda'): Promise<string> {
  await using device: Device = await open({ device: kind, streams: 1 });
  const { s } = await device.linalg.svd(
    tensor([
      [3, 0],
      [0, 4],
    ]),
    { mode: 'values' },
  );
  if (s.data[0] !== 4 || s.data[1] !== 3) throw new Error(`svd gave the singular values ${s.data} for 4 and 3`);
  const { name, library, computeCapability, driver } = device.info;
  return [
    name,
    library,
    computeCapability && `compute capability ${computeCapability}`,
    driver && `driver for CUDA ${driver}`,
  ]
    .filter(Boolean)
    .join(', ');
}

const libraryNames =
  /\/(tensorlane[^/]*\.node|lib(onnxruntime|openblas|cublas|cusolver|cudnn|nvrtc|cuda)[^/]*\.so[^/]*)$/;

await answer(async (): Promise<Found> => {
  const what = await checks[process.argv[2] as Check]();
  return { what, libraries: loadedFiles().filter((file) => libraryNames.test(file)) };
});
