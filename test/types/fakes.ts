// What a test's own objects have to have to stand in for a model and a device.

import { type Device, type Feeds, type Model, type Outputs, open, tensor } from 'tensorlane';

interface Types {
  inputs: { x: 'float32' };
  outputs: { y: 'float32'; z: 'int64' };
}
const y = tensor([1]);
const z = tensor(BigInt64Array.of(1n));

/** Code that is to be tested. */
async function answer(model: Pick<Model<Types>, 'run'>): Promise<number> {
  return (await model.run({ x: tensor([1]) }, { outputs: ['y'] })).y.data[0]!;
}
await answer({ run: async () => ({ y, z }) });
await answer({
  async run({ x }: Feeds<Types>) {
    return { y: x as typeof y, z };
  },
});
// @ts-expect-error: an output is missing
await answer({ run: async () => ({ z }) });

class FakeModel implements Pick<Model, 'name' | 'run' | 'dispose'> {
  readonly name = 'fake';
  async run(): Promise<Outputs> {
    return { y };
  }
  async dispose(): Promise<void> {}
}

/** A whole one: nothing of it is private. */
const whole: Device = { ...(await open('cpu')) };
const fake: Pick<Device, 'loadModel' | 'info'> = {
  info: { kind: 'cpu', name: 'fake', index: 0, memoryBytes: 0, library: '', threads: 1 },
  loadModel: (async () => new FakeModel()) as never,
};

export { fake, whole };
