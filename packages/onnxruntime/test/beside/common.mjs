// What onnxruntime-common declares, overload by overload, as sessions meet it: tensors however they were made, its environment, backends of
// one's own, and the backend by itself.
import { join } from 'node:path';

export function cases(ort, folder, file) {
  const { InferenceSession, Tensor, env } = ort;
  const opened = new Map();
  const open = (name) => {
    if (!opened.has(name)) opened.set(name, InferenceSession.create(join(folder, `${name}.onnx`)));
    return opened.get(name);
  };
  const relu = (make) => async () => {
    const session = await open('shapes');
    const one = new Tensor('float32', [1], []);
    const x = new Tensor('float32', [1, -1, 2, -2], [1, 1, 4]);
    return (await session.run({ x, any: await make(), one })).z;
  };
  const through = (type, make) => async () => (await (await open(`of-${type}`)).run({ x: make() })).y;
  const created = (options) => async () => {
    const session = await InferenceSession.create(join(folder, 'two.onnx'), options);
    await session.release();
    return session.outputNames;
  };
  const row = new Tensor('float32', [1, 2, 3], [1, 3]);
  const { onnxruntimeBackend, listSupportedBackends } = file('dist/backend.js');
  const handler = (...given) => onnxruntimeBackend.createInferenceSessionHandler(join(folder, 'two.onnx'), ...given);
  return [
    // Tensors.
    ['of a type and numbers, without dims', relu(() => new Tensor('float32', [1, -2]))],
    ['of a type and an array', relu(() => new Tensor('float32', Float32Array.of(1, -2), [2, 1]))],
    ['of an array alone', relu(() => new Tensor(Float32Array.of(1, -2)))],
    ['of an array and dims', relu(() => new Tensor(Float32Array.of(1, -2), [1, 2, 1]))],
    ['of numbers alone', through('float32', () => new Tensor([1, 2], [1, 2]))],
    ['of bytes for bools', through('bool', () => new Tensor('bool', Uint8Array.of(1, 0), [1, 2]))],
    ['of booleans for bools', through('bool', () => new Tensor('bool', [true, false], [1, 2]))],
    ['of strings', through('string', () => new Tensor(['a', 'b'], [1, 2]))],
    ['of bigints', through('int64', () => new Tensor('int64', [1n, 2n], [1, 2]))],
    ['of numbers for bigints', through('int64', () => new Tensor('int64', [1, 2], [1, 2]))],
    ['of bigints for unsigned ones', through('uint64', () => new Tensor(BigUint64Array.of(1n, 2n), [1, 2]))],
    ['of numbers for float16', through('float16', () => new Tensor('float16', [1, 2], [1, 2]))],
    ['of too few for its dims', relu(() => new Tensor('float32', [1, 2], [3]))],
    [
      'of an object',
      relu(() => new Tensor({ location: 'cpu-pinned', type: 'float32', data: Float32Array.of(1), dims: [1] })),
    ],
    ['of a type that there is not', relu(() => new Tensor('float128', [1], [1]))],
    ['reshaped', relu(() => new Tensor('float32', [1, 2, -3, 4], [2, 2]).reshape([4, 1]))],
    ['reshaped to another size', relu(() => new Tensor('float32', [1, 2], [2]).reshape([3]))],
    ['a result of another run', relu(async () => (await (await open('two')).run({ a: row, b: row })).sum)],
    ['a result, reshaped', relu(async () => (await (await open('two')).run({ a: row, b: row })).sum.reshape([3, 1]))],
    ['pinned without dims', relu(() => Tensor.fromPinnedBuffer('float32', Float32Array.of(1)))],
    ['of a texture', relu(() => Tensor.fromTexture({}, { width: 1, height: 1 }))],
    ['of an mlTensor', relu(() => Tensor.fromMLTensor({}, { dataType: 'float32', dims: [1] }))],
    ['of a gpu-buffer that is none', relu(() => Tensor.fromGpuBuffer({}, { dataType: 'float32', dims: [1] }))],
    ['of a gpu-buffer without a type', () => Tensor.fromGpuBuffer({}, { dims: [1] }).type],
    ['of an image', () => Tensor.fromImage({})],
    ['of an image that is none', () => Tensor.fromImage('none.png')],
    ['as a URL', async () => (await (await open('two')).run({ a: row, b: row })).sum.toDataURL()],
    ['as an image', async () => (await (await open('two')).run({ a: row, b: row })).sum.toImageData()],
    [
      'data, and its release',
      async () => {
        const { sum } = await (await open('two')).run({ a: row, b: row });
        return [await sum.getData(true), sum.location, sum.size];
      },
    ],
    [
      'what a tensor has',
      async () => {
        const { sum } = await (await open('two')).run({ a: row, b: row });
        return [Object.keys(sum).sort(), sum.cpuData === sum.data, Object.keys(sum.reshape([3])).sort()];
      },
    ],
    // The environment.
    [
      'flags of others',
      () => {
        Object.assign(env.wasm, { numThreads: 1, simd: true, proxy: false, wasmPaths: './' });
        Object.assign(env, { debug: false, trace: false });
        return [env.wasm, env.webgl, Object.keys(env.webgpu)];
      },
    ],
    [
      'tracing',
      async () => {
        env.trace = true;
        try {
          return (await (await open('two')).run({ a: row, b: row })).sum;
        } finally {
          env.trace = false;
        }
      },
    ],
    // Execution providers, each with the options that are declared for it.
    ...[
      { name: 'coreml', useCPUOnly: true },
      { name: 'dml', deviceId: 0 },
      { name: 'nnapi', useFP16: true },
      { name: 'qnn', backendPath: 'x' },
      { name: 'wasm' },
      { name: 'webgl' },
      { name: 'webnn', deviceType: 'cpu' },
      { name: 'xnnpack' },
      { name: 'tensorrt', deviceId: 0 },
      { name: 'cuda', deviceId: 1 },
    ].flatMap((provider) => [
      [`provider ${provider.name}`, created({ executionProviders: [provider] })],
      [`provider ${provider.name}, then cpu`, created({ executionProviders: [provider, 'cpu'] })],
    ]),
    ['useArena', created({ executionProviders: [{ name: 'cpu', useArena: false }], enableCpuMemArena: false })],
    [
      'the run options that are declared',
      async () => {
        const options = { logSeverityLevel: 4, logVerbosityLevel: 1, terminate: true, tag: 'x', extra: { a: 'b' } };
        return (await (await open('two')).run({ a: row, b: row }, options)).sum;
      },
    ],
    ['a tag of nothing', async () => (await (await open('two')).run({ a: row, b: row }, { tag: '' })).sum],
    ['a tag with a zero', async () => (await (await open('two')).run({ a: row, b: row }, { tag: 'a\0b' })).sum],
    ...[-1, 1.5, NaN, 4].map((logSeverityLevel) => [
      `severity ${logSeverityLevel}`,
      async () => (await (await open('two')).run({ a: row, b: row }, { logSeverityLevel })).sum,
    ]),
    // Backends.
    [
      'a backend of one’s own',
      async () => {
        const own = {
          inputNames: ['a'],
          outputNames: ['b'],
          inputMetadata: [],
          outputMetadata: [],
          dispose: async () => {},
        };
        const backend = { init: async () => {}, createInferenceSessionHandler: async () => own };
        ort.registerBackend('own', backend, 5);
        const session = await InferenceSession.create('none.onnx', { executionProviders: ['own', 'cpu'] });
        return [session.inputNames, session.outputNames];
      },
    ],
    ['a backend once more', () => ort.registerBackend('cpu', onnxruntimeBackend, 100)],
    ['another in its place', () => ort.registerBackend('cpu', { init() {}, createInferenceSessionHandler() {} }, 100)],
    ['the backends of the backend', () => listSupportedBackends()],
    ['the backend', async () => [await onnxruntimeBackend.init(), typeof onnxruntimeBackend]],
    [
      'a handler',
      async () => {
        const own = await handler();
        return [own.inputNames, own.outputNames, own.inputMetadata, own.startProfiling(), await own.dispose()];
      },
    ],
    [
      'a handler that runs',
      async () => {
        const own = await handler({ intraOpNumThreads: 1 });
        return [await own.run({ a: row, b: row }, { product: null, sum: null }, {}), await own.dispose()];
      },
    ],
    [
      'a handler that is disposed twice',
      async () => {
        const own = await handler({});
        await own.dispose();
        return own.dispose();
      },
    ],
    ['a handler of nothing', () => onnxruntimeBackend.createInferenceSessionHandler(new Uint8Array(0), {})],
  ];
}
