// The bytes of tensors: what goes in comes out, whatever its type; what others wrote is read; and bad bytes are refused.

import fc from 'fast-check';
import { type Tensor, tensor } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { decodeTensors, encodeTensors } from '../lib/payload/tensors.js';

const back = (tensors: Record<string, Tensor>) => decodeTensors(encodeTensors(tensors, 'test'), 'test');

describe('encodeTensors and decodeTensors', () => {
  test('every element type', () => {
    const all: Record<string, Tensor> = {
      float64: tensor(Float64Array.of(1.5, Number.NaN, -0), [3]),
      float32: tensor(Float32Array.of(Infinity), [1, 1]),
      float16: tensor(Uint16Array.of(0x3c00), [1], { type: 'float16' }),
      bfloat16: tensor(Uint16Array.of(0x3f80), [1], { type: 'bfloat16' }),
      float8e4m3fn: tensor(Uint8Array.of(1, 2), [2], { type: 'float8e4m3fn' }),
      float8e4m3fnuz: tensor(Uint8Array.of(1, 2), [2], { type: 'float8e4m3fnuz' }),
      float4e2m1: tensor(Uint8Array.of(0x21), [1], { type: 'float4e2m1' }),
      int64: tensor(BigInt64Array.of(-(2n ** 63n)), [1]),
      uint64: tensor(BigUint64Array.of(2n ** 64n - 1n), [1]),
      int32: tensor(Int32Array.of(-1), [1]),
      int16: tensor(Int16Array.of(-1), [1]),
      int8: tensor(Int8Array.of(-1), [1]),
      int4: tensor(Int8Array.of(0x21), [2], { type: 'int4' }),
      uint2: tensor(Uint8Array.of(0x21), [3], { type: 'uint2' }),
      uint32: tensor(Uint32Array.of(1), [1]),
      uint16: tensor(Uint16Array.of(1), [1]),
      uint8: tensor(Uint8Array.of(1, 2, 3), [3]),
      bool: tensor([true, false], { type: 'bool' }),
      string: tensor(['', 'é', 'a\0b'], [3]),
      empty: tensor(new Float64Array(0), [0, 4]),
      scalar: tensor(Float64Array.of(7), []),
      __proto: tensor(Float32Array.of(1)),
      ['__proto__']: tensor(Float32Array.of(2)),
    };
    const given = back(all);
    expect(Object.keys(given).sort()).toEqual(Object.keys(all).sort());
    for (const [name, { type, data, dims }] of Object.entries(all))
      expect(given[name], name).toEqual({ type, data, dims });
  });

  test('elements may be read in place, wherever the bytes lie', () => {
    const encoded = encodeTensors({ b: tensor(Uint8Array.of(1)), a: tensor(Float64Array.of(1, 2)) }, 'test');
    for (let offset = 0; offset < 8; offset++) {
      const moved = new Uint8Array(encoded.length + offset).subarray(offset);
      moved.set(encoded);
      const { a, b } = decodeTensors(moved, 'test');
      expect([a?.data, b?.data]).toEqual([Float64Array.of(1, 2), Uint8Array.of(1)]);
      expect((a!.data as Float64Array).buffer === moved.buffer).toBe(offset === 0);
    }
  });

  test('what others wrote: a float32 of safetensors', () => {
    const header = '{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    const bytes = Buffer.alloc(8 + header.length + 8);
    bytes.writeBigUInt64LE(BigInt(header.length));
    bytes.write(header, 8);
    bytes.writeFloatLE(1.5, 8 + header.length);
    bytes.writeFloatLE(-2, 12 + header.length);
    expect(decodeTensors(bytes, 'test')).toEqual({ x: { type: 'float32', data: Float32Array.of(1.5, -2), dims: [2] } });
  });

  test.each([
    ['no object', 5, 'ERR_ARGUMENT'],
    ['a sequence', { x: [] }, 'ERR_NOT_SUPPORTED'],
    ['a map', { x: new Map() }, 'ERR_NOT_SUPPORTED'],
    ['null', { x: null }, 'ERR_NOT_SUPPORTED'],
    ['nothing', { x: undefined }, 'ERR_DTYPE'],
    ['no type', { x: { data: Float32Array.of(1), dims: [1] } }, 'ERR_DTYPE'],
    ['a type that there is not', { x: { type: 'toString', data: Float32Array.of(1), dims: [1] } }, 'ERR_DTYPE'],
    ['numbers', { x: { type: 'float32', data: [1], dims: [1] } }, 'ERR_DTYPE'],
    ['strings that are none', { x: { type: 'string', data: [1], dims: [1] } }, 'ERR_DTYPE'],
    ['too few elements', { x: { type: 'float32', data: Float32Array.of(1), dims: [2] } }, 'ERR_SHAPE'],
    ['too few strings', { x: { type: 'string', data: ['a'], dims: [2] } }, 'ERR_SHAPE'],
    ['no dims', { x: { type: 'float32', data: Float32Array.of(1) } }, 'ERR_SHAPE'],
    ['a negative dim', { x: { type: 'float32', data: new Float32Array(1), dims: [-1] } }, 'ERR_SHAPE'],
    ['the one name that is taken', { __metadata__: tensor([1]) }, 'ERR_ARGUMENT'],
  ])('refuses %s', (_, given, code) => {
    expect(() => encodeTensors(given as never, 'test')).toThrow(expect.objectContaining({ code }));
  });

  test('bytes that are no tensors are an error, and never anything else', () => {
    expect(() => decodeTensors(undefined as never, 'test')).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    const good = encodeTensors(
      { x: tensor([[1, 2]]), s: tensor(['a', 'b']), i: tensor(Int8Array.of(1), [2], { type: 'int4' }) },
      'test',
    );
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, length) => {
        const bad = Buffer.from(good);
        bad[at] = byte;
        try {
          decodeTensors(bad.subarray(0, length), 'test');
        } catch (error) {
          expect(error).toMatchObject({ name: 'TensorlaneError', code: 'ERR_ARGUMENT' });
        }
      }),
      { seed: 1, numRuns: 3000 },
    );
  });
});
