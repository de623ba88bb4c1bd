// Element types: each goes in and comes out, in whatever array may hold it.
import { join } from 'node:path';

export function cases({ InferenceSession, Tensor }, folder) {
  const through = (type, tensor) => async () => {
    const session = await InferenceSession.create(join(folder, `of-${type}.onnx`));
    const { y } = await session.run({ x: tensor() });
    return [session.inputMetadata, y];
  };
  const values = {
    float32: [1.5, -0],
    float64: [1.5, Number.MAX_VALUE],
    int8: [-128, 127],
    int16: [-32768, 32767],
    int32: [-(2 ** 31), 2 ** 31 - 1],
    int64: [-(2n ** 63n), 2n ** 63n - 1n],
    uint8: [0, 255],
    uint16: [0, 65535],
    uint32: [0, 2 ** 32 - 1],
    uint64: [0n, 2n ** 64n - 1n],
    bool: [1, 0],
    string: ['ü€', ''],
  };
  const plain = (type, data, dims = [1, 2]) => through(type, () => ({ type, data, dims, location: 'cpu' }));
  return [
    ...Object.entries(values).map(([type, data]) => [type, through(type, () => new Tensor(type, data, [1, 2]))]),
    ...Object.keys(values).map((type) => [`no ${type}`, through(type, () => new Tensor(type, [], [0, 2]))]),
    ['float16', through('float16', () => new Tensor('float16', Uint16Array.of(0x3c00, 0x8000), [1, 2]))],
    ['bool of 2', through('bool', () => new Tensor('bool', Uint8Array.of(2, 0), [1, 2]))],
    ['booleans', through('bool', () => new Tensor([true, false], [1, 2]))],
    ['clamped', through('uint8', () => new Tensor(Uint8ClampedArray.of(7, 8), [1, 2]))],
    ['clamped, as it is', plain('uint8', Uint8ClampedArray.of(7, 8))],
    ['a Buffer', plain('uint8', Buffer.of(7, 8))],
    ['signed for unsigned', plain('uint8', Int8Array.of(7, 8))],
    ['numbers for bigints', plain('int64', [1, 2])],
    ['bfloat16', plain('bfloat16', Uint16Array.of(0x3f80, 0x4000))],
    ['a string with a zero', through('string', () => new Tensor('string', ['a\0b', 'c'], [1, 2]))],
    ['half of a surrogate', through('string', () => new Tensor('string', ['\ud800', 'b'], [1, 2]))],
    ['no string among them', through('string', () => new Tensor('string', ['a', 1], [1, 2]))],
    ['too few strings', plain('string', ['a'])],
    ['strings in no array', plain('string', 'ab')],
    [
      'strings elsewhere',
      through('string', () => ({ type: 'string', data: ['a', 'b'], dims: [1, 2], location: 'gpu-buffer' })),
    ],
    [
      'strings to be filled',
      async () => {
        const session = await InferenceSession.create(join(folder, 'of-string.onnx'));
        const target = new Tensor('string', ['', ''], [1, 2]);
        const { y } = await session.run({ x: new Tensor('string', ['a', 'b'], [1, 2]) }, { y: target });
        return [y, target];
      },
    ],
  ];
}
