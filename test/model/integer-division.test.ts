// Div and Mod of integers: no operands of theirs end the process. The processor raises a signal for the smallest number by -1, which is
// answered as it is where the processor raises none; a divisor of 0 is an error.

import { type Device, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../support/errors.js';
import { initializer, model, node, value } from '../support/onnx-builder.js';
import { runNode } from '../support/processes.js';

let device: Device;
beforeAll(async () => {
  device = await open('cpu');
});
afterAll(() => device.dispose());

const arrays = { int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array };
type Type = keyof typeof arrays;
const types = Object.keys(arrays) as Type[];

function integers(type: Type, numbers: readonly (number | bigint)[]) {
  return type === 'int64' ? BigInt64Array.from(numbers, BigInt) : arrays[type].from(numbers as number[]);
}

function least(type: Type): bigint {
  return -(2n ** BigInt(arrays[type].BYTES_PER_ELEMENT * 8 - 1));
}

const dividing = (op: string, type: Type) =>
  model({
    nodes: [node(op, ['a', 'b'], ['y'])],
    inputs: [value('a', type, null), value('b', type, null)],
    outputs: [value('y', type, null)],
  });

const numbersOf = (y: Tensor) => Array.from(y.data as BigInt64Array, Number);

describe.each(types)('%s', (type) => {
  const by = (n: number, number: number | bigint) =>
    tensor(
      integers(
        type,
        Array.from({ length: n }, () => number),
      ),
      n === 1 ? [] : [n],
    );
  // One, several for vectors, and so many that several threads have some.
  const forms: [a: number, b: number][] = [
    [1, 1],
    [1, 37],
    [37, 1],
    [37, 37],
    [50_000, 50_000],
  ];

  test.each(forms)('the smallest by -1, %i by %i', async (a, b) => {
    await using div = await device.loadModel(dividing('Div', type), { batching: false });
    await using mod = await device.loadModel(dividing('Mod', type), { batching: false });
    const feeds = { a: by(a, Number(least(type))), b: by(b, -1) };
    if (type === 'int64') feeds.a = by(a, least(type));
    const { y: quotient } = await div.run(feeds);
    const { y: rest } = await mod.run(feeds);
    expect(new Set(numbersOf(quotient!))).toEqual(new Set([Number(least(type))]));
    expect(new Set(numbersOf(rest!))).toEqual(new Set([0]));
    expect(quotient!.dims).toEqual(Math.max(a, b) === 1 ? [] : [Math.max(a, b)]);
  });

  test('among others', async () => {
    const a = tensor(integers(type, [7, least(type) < -(2n ** 53n) ? least(type) : Number(least(type)), -7, 100]), [4]);
    const b = tensor(integers(type, [-2, -1, 2, -1]), [4]);
    await using div = await device.loadModel(dividing('Div', type), { batching: false });
    expect(numbersOf((await div.run({ a, b })).y!)).toEqual([-3, Number(least(type)), -3, -100]);
    await using mod = await device.loadModel(dividing('Mod', type), { batching: false });
    expect(numbersOf((await mod.run({ a, b })).y!)).toEqual([-1, 0, 1, 0]);
  });

  test('of what the model holds, as it is loaded', async () => {
    const held = (name: string, number: number | bigint) =>
      initializer(name, type, [3], integers(type, [number, number, number]));
    const bytes = model({
      nodes: [node('Div', ['a', 'b'], ['y'])],
      inputs: [],
      outputs: [value('y', type, [3])],
      initializers: [held('a', type === 'int64' ? least(type) : Number(least(type))), held('b', -1)],
    });
    await using loaded = await device.loadModel(bytes, { batching: false });
    expect(numbersOf((await loaded.run({})).y!)).toEqual(Array(3).fill(Number(least(type))));
  });

  test.each(['Div', 'Mod'])('%s by 0', async (op) => {
    await using loaded = await device.loadModel(dividing(op, type), { batching: false });
    await expectError(loaded.run({ a: by(37, 7), b: by(37, 0) }), 'ERR_MODEL', /division by zero|by zero/i);
  });
});

// The address sanitizer has a handler of its own, which reports them.
describe.skipIf(process.env.TENSORLANE_SANITIZER)('signals of others', () => {
  const load = `
    import { open } from 'tensorlane';
    const device = await open('cpu');
    await device.loadModel(Buffer.from('${Buffer.from(dividing('Div', 'int32')).toString('base64')}', 'base64'));
  `;
  const script = (text: string) => runNode(['--input-type=module', '--eval', text]);
  const waits = 'setInterval(() => {}, 1000);';

  test('end the process as before', async () => {
    const { signal } = await script(`${load} process.kill(process.pid, 'SIGFPE'); ${waits}`);
    expect(signal).toBe('SIGFPE');
  });

  test('go to the handler that was there', async () => {
    const listen = `process.on('SIGFPE', () => { console.log('told'); process.exit(3); });`;
    const { code, stdout } = await script(`${listen} ${load} process.kill(process.pid, 'SIGFPE'); ${waits}`);
    expect([code, stdout]).toEqual([3, 'told\n']);
  });
});
