// From creation to release; the environment; what onnxruntime-common brings.
import { join } from 'node:path';

export function cases(ort, folder) {
  const { InferenceSession, Tensor, env } = ort;
  const open = (name) => InferenceSession.create(join(folder, `${name}.onnx`));
  const a = new Tensor('float32', [1, 2, 3], [1, 3]);
  const settled = async (...promises) =>
    (await Promise.allSettled(promises)).map(({ status, reason }) => `${status} ${reason?.message ?? ''}`);
  return [
    ['exports', () => [Object.keys(ort).sort(), ort.__esModule]],
    ['backends', () => ort.listSupportedBackends()],
    ['versions', () => ({ ...env.versions })],
    [
      'a version is read only',
      () => {
        env.versions.node = 'x';
      },
    ],
    ['the environment', () => Object.keys(env)],
    [
      'a level that there is not',
      () => {
        env.logLevel = 'x';
      },
    ],
    [
      'the environment is open',
      () => {
        env.anything = 1;
        return env.anything;
      },
    ],
    ['released', async () => (await open('two')).release()],
    [
      'released twice',
      async () => {
        const session = await open('two');
        await session.release();
        return session.release();
      },
    ],
    [
      'run when released',
      async () => {
        const session = await open('two');
        await session.release();
        return session.run({ a, b: a });
      },
    ],
    [
      'names when released',
      async () => {
        const session = await open('two');
        await session.release();
        return [session.inputNames, session.outputMetadata];
      },
    ],
    [
      'profiled when released',
      async () => {
        const session = await open('two');
        await session.release();
        return session.endProfiling();
      },
    ],
    [
      'not profiled',
      async () => {
        const session = await open('two');
        return [session.startProfiling(), session.endProfiling()];
      },
    ],
    [
      'released while it runs',
      async () => {
        const session = await open('two');
        return settled(session.run({ a, b: a }), session.release());
      },
    ],
    [
      'run while it is released',
      async () => {
        const session = await open('two');
        const released = session.release();
        return settled(session.run({ a, b: a }), released);
      },
    ],
    [
      'nothing is thrown',
      async () => {
        const running = (await open('two')).run(null);
        return running.catch((error) => error.message);
      },
    ],
    [
      'a tensor that is disposed',
      async () => {
        const { sum } = await (await open('two')).run({ a, b: a });
        sum.dispose();
        return sum.location;
      },
    ],
    [
      'getData',
      async () => {
        const { sum } = await (await open('two')).run({ a, b: a });
        return [await sum.getData(), (await sum.getData(true)) === sum.data];
      },
    ],
    ['a tensor as JSON', async () => JSON.stringify((await (await open('two')).run({ a, b: a })).sum)],
    ['a tensor that is cloned', async () => structuredClone((await (await open('two')).run({ a, b: a })).sum)],
    [
      'rows that are none',
      async () => {
        const outcomes = [];
        for (const name of ['softmax', 'running', 'state', 'two']) {
          const session = await open(name);
          const floats = (i, dims) =>
            new Tensor(
              'float32',
              Float32Array.from({ length: dims.reduce((x, y) => x * y) }, (_, k) => i + k),
              dims,
            );
          const feeds = (i) =>
            name === 'two'
              ? { a: floats(i, [1, 3]), b: floats(-i, [1, 3]) }
              : name === 'state'
                ? { x: floats(i, [1, 2]), h: floats(i, [2, 1, 2]) }
                : { x: floats(i, [2, 2]) };
          outcomes.push(await Promise.all(Array.from({ length: 16 }, (_, i) => session.run(feeds(i)))));
        }
        return outcomes;
      },
    ],
  ];
}
