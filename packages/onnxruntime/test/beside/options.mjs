// Every option of a session, and every kind of value that it may be given; execution providers.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export function cases({ InferenceSession, Tensor }, folder) {
  const bytes = readFileSync(join(folder, 'two.onnx'));
  const external = readFileSync(join(folder, 'external.onnx'));
  const weights = readFileSync(join(folder, 'weights.bin'));
  const written = join(folder, `optimized-${process.pid}.onnx`);
  const row = new Tensor('float32', [1, 2, 3], [1, 3]);
  const four = new Tensor('float32', [1, 2, 3, 4], [1, 4]);
  const given = (options) => async () => {
    const session = await InferenceSession.create(bytes, options);
    const { sum } = await session.run({ a: row, b: row });
    await session.release();
    return sum;
  };
  const scaled = (source, options) => async () =>
    (await (await InferenceSession.create(source, options)).run({ x: four })).y;
  const odd = [undefined, null, 0, 1, 1.5, -1, 5, 5e9, 1e-7, NaN, 'x', '', true, false, 1n, [], {}];
  const names = [
    ...['intraOpNumThreads', 'interOpNumThreads', 'graphOptimizationLevel', 'enableCpuMemArena', 'enableMemPattern'],
    ...['executionMode', 'logId', 'logSeverityLevel', 'logVerbosityLevel', 'enableProfiling', 'profileFilePrefix'],
    ...['extra', 'externalData', 'preferredOutputLocation', 'freeDimensionOverrides', 'enableGraphCapture'],
  ];
  const tell = (value) =>
    typeof value === 'bigint' ? `${value}n` : typeof value === 'number' ? String(value) : JSON.stringify(value);
  const providers = [
    ...[
      [],
      ['cpu'],
      ['CPU'],
      [{ name: 'cpu' }],
      [{ name: 'cpu', useArena: false }],
      ['wasm'],
      ['wasm', 'cpu'],
      ['cpu', 'wasm'],
    ],
    ...[
      ['cuda'],
      ['cuda', 'cpu'],
      ['cpu', 'cuda'],
      [{ name: 'cuda', deviceId: 0 }, 'cpu'],
      ['tensorrt'],
      ['tensorrt', 'cuda', 'cpu'],
    ],
    ...[
      ['webgpu'],
      ['webgpu', 'cpu'],
      [{ name: 'webgpu', what: 1 }],
      ['dml'],
      ['dml', 'cpu'],
      ['coreml', 'cpu'],
      ['qnn'],
    ],
    ...[[1], [null], [{}], [{ name: 1 }], 'cpu', {}, null, undefined],
    // Of several that cannot run, the first is told.
    ...[
      ['cuda', 'webgpu', 'cpu'],
      ['cuda', 'tensorrt', 'cpu'],
      ['tensorrt', 'webgpu'],
      ['cpu', 'tensorrt', 'webgpu'],
      ['cuda', 1],
    ],
    ['cuda', { name: 'webgpu', foo: 1 }],
    ['cuda', { name: 'tensorrt', deviceId: 'x' }],
    ...[-1, 1.5, '0', null].map((deviceId) => [{ name: 'cuda', deviceId }, 'cpu']),
    ...['x', null].map((deviceId) => [{ name: 'tensorrt', deviceId }, 'cpu']),
    ...[0, 'x'].map((deviceId) => [{ name: 'webgpu', deviceId }, 'cpu']),
    ['cpu', { name: 'cpu', deviceId: 'x' }],
    [{ name: 'webgpu', preferredLayout: 1 }],
    [{ name: 'webgpu', preferredLayout: 1, foo: 1 }],
    [{ name: 'webgpu', foo: 1, preferredLayout: 1 }],
    [{ name: 'webgpu', enableRobustness: 'x' }],
    [{ name: 'webgpu', forceCpuNodeNames: [1] }],
    [{ name: 'webgpu', forceCpuNodeNames: 'x' }],
  ];
  return [
    ...names.flatMap((name) => odd.map((value) => [`${name}: ${tell(value)}`, given({ [name]: value })])),
    ...providers.map((list) => [`providers ${tell(list)}`, given({ executionProviders: list })]),
    ...['disabled', 'basic', 'extended', 'layout', 'all'].map((level) => [
      `level ${level}`,
      given({ graphOptimizationLevel: level }),
    ]),
    ...['sequential', 'parallel'].map((mode) => [`mode ${mode}`, given({ executionMode: mode, interOpNumThreads: 2 })]),
    ...[2, 4, 1000, 2 ** 32 - 1].map((count) => [`interOpNumThreads ${count}`, given({ interOpNumThreads: count })]),
    ...[
      'cpu',
      'cpu-pinned',
      'gpu-buffer',
      'ml-tensor',
      'texture',
      { sum: 'cpu' },
      { sum: 'gpu-buffer' },
      { none: 'cpu' },
      { sum: 'x' },
    ].map((location) => [`location ${tell(location)}`, given({ preferredOutputLocation: location })]),
    ['nested extra', given({ extra: { session: { disable_prepacking: '1' } } })],
    ['dotted extra', given({ extra: { 'session.disable_prepacking': '1' } })],
    ['extra of numbers', given({ extra: { session: { disable_prepacking: 1 } } })],
    ['extra of null', given({ extra: { session: null } })],
    ['extra of arrays', given({ extra: { session: ['1'] } })],
    ['extra that nobody knows', given({ extra: { nobody: { knows: 'x' } } })],
    ['two that are wrong: the first of them is told', given({ externalData: 1, logId: 1, executionMode: 1, extra: 1 })],
    ['two more', given({ enableProfiling: 1, logSeverityLevel: 9, optimizedModelFilePath: 1 })],
    ['two others', given({ enableMemPattern: 1, graphOptimizationLevel: 1, interOpNumThreads: -1 })],
    ['providers come first', given({ executionProviders: ['cuda'], intraOpNumThreads: -1 })],
    ['a prefix without profiling', given({ profileFilePrefix: 1 })],
    ['profiling with a prefix of undefined', given({ enableProfiling: true, profileFilePrefix: undefined })],
    [
      'profiling',
      async () => {
        const session = await InferenceSession.create(bytes, {
          enableProfiling: true,
          profileFilePrefix: join(folder, 'p'),
        });
        session.startProfiling();
        await session.run({ a: row, b: row });
        return session.endProfiling();
      },
    ],
    [
      'a model that is written',
      async () => {
        await InferenceSession.create(bytes, { optimizedModelFilePath: written });
        const exists = existsSync(written);
        rmSync(written, { force: true });
        return exists;
      },
    ],
    [
      'free dimensions stay free',
      async () => (await InferenceSession.create(bytes, { freeDimensionOverrides: { rows: 2 } })).inputMetadata,
    ],
    ['weights beside the file', scaled(join(folder, 'external.onnx'))],
    ['weights in memory', scaled(external, { externalData: [{ path: 'weights.bin', data: weights }] })],
    [
      'weights in a view',
      scaled(external, { externalData: [{ path: 'weights.bin', data: new Uint8Array(weights).subarray(0) }] }),
    ],
    [
      'weights in both',
      scaled(join(folder, 'external.onnx'), { externalData: [{ path: 'weights.bin', data: weights }] }),
    ],
    [
      'weights in floats',
      scaled(external, { externalData: [{ path: 'weights.bin', data: new Float32Array(4).fill(2) }] }),
    ],
    ['no weights', scaled(external)],
    ['weights of nothing', scaled(external, { externalData: [] })],
    ...[
      'weights.bin',
      1,
      null,
      {},
      { path: 'weights.bin' },
      { path: 1, data: weights },
      { path: 'weights.bin', data: 'x' },
    ].map((file, i) => [`weights, wrong: ${i}`, scaled(external, { externalData: [file] })]),
    [
      'weights in an ArrayBuffer',
      scaled(external, { externalData: [{ path: 'weights.bin', data: new ArrayBuffer(16) }] }),
    ],
  ];
}
