// Inputs that change, move away or vanish while they are in flight.
//
// Up to 64 KiB, a result is that of the value at the call. Above, the call reads the caller's own memory until it settles:
// then a change may show in the result, but nothing may crash, hang, or touch another caller's result.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Device, type Model, open, type Tensor, TensorlaneError } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDevice } from '../support/device.js';
import { add, identity, lookup, node, model as onnx, square, twoOutputs, value } from '../support/onnx-builder.js';
import { expectOutcome, matrix, modelFiles, row, settles, spawnChild, squares, svdError, values } from './support.js';

const files = modelFiles();

let device: Device;
let squareModel: Model;
/** Rows of any length, so that one model does for small and large inputs. */
let wide: Model;

beforeAll(async () => {
  device = await open({ device: testDevice, streams: 2 });
  squareModel = await device.loadModel(square({ features: 16 }));
  wide = await device.loadModel(
    onnx({
      inputs: [value('x', 'float32', ['N', 'F'])],
      outputs: [value('y', 'float32', ['N', 'F'])],
      nodes: [node('Mul', ['x', 'x'], ['y'])],
    }),
    { batching: { maxQueueDelayMicros: 2000 } },
  );
});
afterAll(() => device.dispose());

/** What became of a call: its outputs, or the TensorlaneError it rejected with. Any other error fails. */
async function outcomeOf<T>(call: Promise<T>): Promise<T | TensorlaneError> {
  try {
    return await settles('the call', call);
  } catch (error) {
    if (error instanceof TensorlaneError) return error;
    throw error;
  }
}

const take = (buffer: ArrayBuffer) => structuredClone(buffer, { transfer: [buffer] });

// TypeScript knows these from ES2024 on only.
type Resizable = ArrayBuffer & { resize(bytes: number): void };
function resizable(bytes: number, maxByteLength: number): Resizable {
  const Class = ArrayBuffer as unknown as new (bytes: number, options: { maxByteLength: number }) => Resizable;
  return new Class(bytes, { maxByteLength });
}

/** Node does not transfer buffers over native memory: it copies them (20) or refuses (21 and later). */
function tryToTake({ data }: Tensor): void {
  try {
    take((data as Float32Array<ArrayBuffer>).buffer);
  } catch (error) {
    if ((error as Error).name !== 'DataCloneError') throw error;
  }
}

describe('an input of up to 64 KiB', () => {
  const harms: Record<string, (data: Float32Array | Float64Array) => void> = {
    mutated: (data) => data.fill(9),
    transferred: (data) => take(data.buffer as ArrayBuffer),
  };
  for (const [harm, doIt] of Object.entries(harms)) {
    it(`that is ${harm} after the call: svd gives the result of what it was`, async () => {
      for (const size of [4, 90]) {
        const a = matrix(size, size, 1);
        const copy = a.data.slice();
        const call = device.linalg.svd(a);
        doIt(a.data);
        expect(svdError(copy, await call)).toBeLessThan(1e-12);
      }
    });

    it(`that is ${harm} after the call: matmul and solve give the result of what it was`, async () => {
      const a = matrix(5, 5, 2);
      const b = matrix(5, 5, 3);
      const expected = await device.linalg.matmul(a, b);
      const product = device.linalg.matmul(a, b);
      const solution = device.linalg.solve(a, expected);
      const [b0, e0] = [b.data.slice(), expected];
      doIt(a.data);
      doIt(b.data);
      const again = await product;
      again.data.forEach((x, i) => {
        expect(x).toBeCloseTo(e0.data[i]!, 12);
      });
      (await solution).data.forEach((x, i) => {
        expect(x).toBeCloseTo(b0[i]!, 8);
      });
    });

    it(`that is ${harm} after the call: a model gives the result of what it was, also in a batch`, async () => {
      const rows = Array.from({ length: 12 }, (_, i) => row(16, i));
      const expected = rows.map(({ data }) => squares(data));
      const calls = rows.map((x) => squareModel.run({ x }));
      for (const { data } of rows) doIt(data);
      const results = await Promise.all(calls);
      results.forEach(({ y }, i) => {
        expect(Array.from(y!.data as Float32Array)).toEqual(expected[i]);
      });
    });

    it(`that is ${harm} after the call, beside a request that was aborted: the result is of what it was`, async () => {
      const control = new AbortController();
      const rows = Array.from({ length: 4 }, (_, i) => row(100, i));
      const expected = rows.map(({ data }) => squares(data));
      const aborted = outcomeOf(wide.run({ x: row(100, 9) }, { signal: control.signal }));
      const calls = rows.map((x) => wide.run({ x }));
      control.abort();
      for (const { data } of rows) doIt(data);
      expect(await aborted).toMatchObject({ code: 'ERR_ABORTED' });
      const results = await Promise.all(calls.map(outcomeOf));
      results.forEach((result, i) => {
        expect(result, 'a small input must not matter after the call').not.toBeInstanceOf(TensorlaneError);
        expect(Array.from((result as Record<string, Tensor>).y!.data as Float32Array)).toEqual(expected[i]);
      });
    });
  }

  it('may be given again and again from one array, as a server with one staging buffer would', async () => {
    const data = new Float32Array(16);
    const calls: Promise<Record<string, Tensor>>[] = [];
    for (let i = 0; i < 50; i++) {
      data.fill(i);
      calls.push(squareModel.run({ x: { type: 'float32', data, dims: [1, 16] } }));
    }
    (await Promise.all(calls)).forEach(({ y }, i) => {
      expect(y!.data[7]).toBe(i * i);
    });
  });

  it('may have its dims changed after the call', async () => {
    const dims = [1, 16];
    const x = { type: 'float32' as const, data: row(16, 5).data, dims };
    const mate = row(16, 6);
    const alone = squareModel.run({ x });
    dims[0] = 3;
    expect((await alone).y!.dims).toEqual([1, 16]);
    dims[0] = 1;
    const calls = [squareModel.run({ x }), squareModel.run({ x: mate })];
    dims[0] = 7;
    dims[1] = 2;
    const [first, second] = await Promise.all(calls);
    expect(first!.y!.dims).toEqual([1, 16]);
    expect(Array.from(first!.y!.data as Float32Array)).toEqual(squares(x.data));
    expect(Array.from(second!.y!.data as Float32Array)).toEqual(squares(mate.data));
  });

  it('of strings may be changed after the call', async () => {
    const model = await device.loadModel(identity('string', ['N', 2]));
    const data = ['one', 'two'];
    const call = model.run({ x: { type: 'string', data, dims: [1, 2] } });
    data[0] = 'changed';
    expect((await call).y!.data).toEqual(['one', 'two']);
    await model.dispose();
  });
});

describe('an input above 64 KiB', () => {
  // 4 MB, read for some milliseconds.
  const large = (seed: number) => row(1 << 20, seed);
  const check = (outcome: unknown, expectedLength: number) => {
    if (outcome instanceof TensorlaneError) return;
    const { y } = outcome as Record<string, Tensor>;
    expect(y!.data).toHaveLength(expectedLength);
  };

  it('that is mutated in flight gives a result', async () => {
    for (let round = 0; round < 5; round++) {
      const x = large(round);
      const run = outcomeOf(wide.run({ x }));
      const a = matrix(400, 400, round);
      const svd = device.linalg.svd(a, { mode: 'values' });
      for (let i = 0; i < 20; i++) {
        x.data.fill(i);
        a.data[i] = i;
        await new Promise((resolve) => setImmediate(resolve));
      }
      check(await run, x.data.length || 1 << 20);
      expect((await svd).s.data).toHaveLength(400);
    }
  });

  it('that becomes a NaN in flight is either decomposed or refused', async () => {
    for (let round = 0; round < 5; round++) {
      const a = matrix(300, 300, round);
      const call = outcomeOf(device.linalg.svd(a, { mode: 'values' }));
      await new Promise((resolve) => setTimeout(resolve, round));
      a.data.fill(Number.NaN);
      const outcome = await call;
      if (outcome instanceof TensorlaneError) expect(outcome.code).toBe('ERR_NOT_FINITE');
      else expect(outcome.s.data.every(Number.isFinite)).toBe(true);
    }
  });

  it('that is transferred before its batch runs fails that request alone, with a typed error', async () => {
    const gone = large(1);
    const stays = large(2);
    const first = outcomeOf(wide.run({ x: gone }));
    const second = wide.run({ x: stays });
    take(gone.data.buffer);
    check(await first, 1 << 20);
    const { y } = await second;
    expect(y!.data[12345]).toBe(squares(stays.data.subarray(12345, 12346))[0]);
  });

  it('that is transferred while the lane reads it gives a result', async () => {
    for (let round = 0; round < 10; round++) {
      const a = matrix(250, 250, round);
      const copy = a.data.slice();
      const svd = device.linalg.svd(a);
      const x = large(round);
      const run = outcomeOf(wide.run({ x }));
      take(a.data.buffer);
      await new Promise((resolve) => setTimeout(resolve, round % 4));
      take(x.data.buffer);
      expect(svdError(copy.subarray(0, 250), { ...(await svd), u: rowsOf((await svd).u, 1) })).toBeLessThan(1e-10);
      check(await run, 1 << 20);
    }
  });

  it('whose owner grows it does not push its batch mates aside', async () => {
    // The array follows its buffer's length: what was one row at the call is more when the batch is put together.
    const features = 20_000;
    const buffer = resizable(features * 4, features * 8);
    const x = { type: 'float32' as const, data: new Float32Array(buffer), dims: [1, features] };
    const mate = row(features, 3);
    const first = outcomeOf(wide.run({ x }));
    const second = wide.run({ x: mate });
    buffer.resize(features * 8);
    x.data.fill(-1);
    await first;
    const { y } = await second;
    expect(Array.from((y!.data as Float32Array).subarray(0, 50))).toEqual(squares(mate.data.subarray(0, 50)));
  });

  it('whose owner shrinks it in flight gives a result or a typed error', async () => {
    for (let round = 0; round < 10; round++) {
      const bytes = 250 * 250 * 8;
      const buffers = [1, 2].map(() => resizable(bytes, bytes * 2));
      const [forSvd, forModel] = buffers as [Resizable, Resizable];
      new Float64Array(forSvd).set(values(250 * 250, round));
      const svd = outcomeOf(
        device.linalg.svd({ type: 'float64', data: new Float64Array(forSvd), dims: [250, 250] }, { mode: 'values' }),
      );
      const run = outcomeOf(
        wide.run({ x: { type: 'float32', data: new Float32Array(forModel), dims: [1, bytes / 4] } }),
      );
      forSvd.resize(0);
      await new Promise((resolve) => setTimeout(resolve, round % 4));
      forModel.resize(round * 100);
      expect(await svd).not.toBeInstanceOf(TensorlaneError);
      check(await run, bytes / 4);
    }
  });
});

/** The first `count` rows of a matrix. */
function rowsOf<T extends Tensor<'float64'> | Tensor<'float32'>>(a: T, count: number): T {
  const columns = a.dims[1]!;
  return { ...a, data: a.data.subarray(0, count * columns), dims: [count, columns] };
}

describe('an input', () => {
  it('may be a view into the midst of a buffer, small and large', async () => {
    for (const size of [10, 200]) {
      const whole = values(size * size + 7, 1);
      const data = whole.subarray(7);
      const { s } = await device.linalg.svd({ type: 'float64', data, dims: [size, size] });
      const { s: same } = await device.linalg.svd({ type: 'float64', data: data.slice(), dims: [size, size] });
      expect(s.data).toEqual(same.data);
      const floats = Float32Array.from(values(size * size * 2 + 3, 2)).subarray(3);
      const { y } = await wide.run({ x: { type: 'float32', data: floats, dims: [2, size * size] } });
      expect(Array.from((y!.data as Float32Array).subarray(-5))).toEqual(squares(floats.subarray(-5)));
    }
  });

  it('may lie in shared memory, which another thread may write to', async () => {
    for (const size of [10, 200]) {
      const shared = new Float64Array(new SharedArrayBuffer(size * size * 8));
      shared.set(values(size * size, 4));
      const copy = shared.slice();
      const call = device.linalg.svd({ type: 'float64', data: shared, dims: [size, size] }, { mode: 'values' });
      shared.fill(0);
      const { s } = await device.linalg.svd({ type: 'float64', data: copy, dims: [size, size] }, { mode: 'values' });
      expect((await call).s.data).toEqual(s.data);
      const floats = new Float32Array(new SharedArrayBuffer(size * size * 4)).fill(3);
      const { y } = await wide.run({ x: { type: 'float32', data: floats, dims: [1, size * size] } });
      expect(y!.data.at(-1)).toBe(9);
    }
  });

  it("may be a Buffer of Node's pool, and warns of nothing", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    const model = await device.loadModel(identity('uint8', ['N', 5]));
    const texts = ['first', 'other', 'third'];
    const calls = texts.map((text) => model.run({ x: { type: 'uint8', data: Buffer.from(text), dims: [1, 5] } }));
    const results = await Promise.all(calls);
    results.forEach(({ y }, i) => {
      expect(Buffer.from(y!.data as Uint8Array).toString()).toBe(texts[i]);
    });
    await model.dispose();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    expect(warnings.map(({ message }) => message)).toEqual([]);
  });

  it('may be the same array for two inputs, for a whole batch, and for both operands', async () => {
    const model = await device.loadModel(add({ features: 16 }));
    const x = row(16, 1);
    const results = await Promise.all(Array.from({ length: 10 }, () => model.run({ a: x, b: x })));
    for (const { c } of results) expect(c!.data[3]).toBe(Math.fround(x.data[3]! * 2));
    const a = matrix(200, 200, 1);
    const { data } = await device.linalg.solve(a, a);
    expect(data[0]).toBeCloseTo(1, 8);
    await model.dispose();
  });
});

describe('outputs', () => {
  for (const features of [16, 40_000]) {
    it(`of ${features * 4} bytes belong to their caller alone`, async () => {
      const model = await device.loadModel(twoOutputs({ features }), { batching: { maxQueueDelayMicros: 5000 } });
      for (let round = 0; round < 3; round++) {
        const rows = Array.from({ length: 6 }, (_, i) => row(features, i + round));
        const before = model.stats().batches.count;
        const results = await Promise.all(rows.map((x) => model.run({ x })));
        expect(model.stats().batches.count - before).toBe(1);
        for (const i of [0, 3]) {
          tryToTake(results[i]!.doubled!);
          tryToTake(results[i]!.total!);
        }
        (results[2]!.doubled!.data as Float32Array).fill(7);
        await Promise.all(rows.map((x) => model.run({ x })));
        for (const i of [1, 4, 5]) {
          expect(results[i]!.doubled!.data).toHaveLength(features);
          expect(results[i]!.doubled!.data[9]).toBe(rows[i]!.data[9]! * 2);
          expect(results[i]!.total!.data).toHaveLength(1);
        }
      }
      await model.dispose();
    });

    it(`of ${features * 4} bytes are not the input's memory, though the model passes it through`, async () => {
      const model = await device.loadModel(identity('float32', ['N', features]));
      for (const several of [1, 3]) {
        const rows = Array.from({ length: several }, (_, i) => row(features, i));
        const results = await Promise.all(rows.map((x) => model.run({ x })));
        const expected = rows.map(({ data }) => data[5]);
        for (const { data } of rows) data.fill(0);
        results.forEach(({ y }, i) => {
          expect(y!.data[5]).toBe(expected[i]);
        });
        tryToTake(results[0]!.y!);
        for (const { data } of rows) expect(data).toHaveLength(features);
      }
      await model.dispose();
    });
  }
});

// What can only go wrong with a crash runs in a child.
describe('memory that its owner gives away is kept until the lane has read it', () => {
  const cases: readonly [name: string, title: string][] = [
    ['clone', 'transferred by structuredClone, and the new owner collected'],
    ['worker', 'transferred to a worker_thread, which drops it and ends'],
    ['resize', 'a resizable buffer, shrunk to nothing'],
    ['shorter', 'transferred to a shorter buffer'],
    ['longer', 'transferred to a longer buffer'],
    ['bytes', "a model's bytes, transferred while it loads"],
    ['indices', 'a large index input that its owner changes to nonsense while the model checks and uses it'],
    ['condition', 'a large condition that its owner changes between counting and copying'],
  ];
  const index = lookup({ rows: 10, features: 1 });
  // Node 20 has no ArrayBuffer.prototype.transfer.
  const impossible = 'transfer' in ArrayBuffer.prototype ? [] : ['shorter', 'longer'];
  for (const [name, title] of cases) {
    it.skipIf(impossible.includes(name))(title, async () => {
      writeFileSync(join(files.folder, 'lookup.onnx'), index);
      writeFileSync(join(files.folder, 'compress.onnx'), compress());
      writeFileSync(join(files.folder, 'wide.onnx'), wideSquare());
      const outcome = await spawnChild('give-away.mjs', {
        args: [name, files.folder],
        nodeArgs: ['--expose-gc'],
      });
      expectOutcome(outcome, { code: 0, printed: ['done'] });
    });
  }
});

function wideSquare(): Uint8Array {
  return onnx({
    inputs: [value('x', 'float32', ['N', 'F'])],
    outputs: [value('y', 'float32', ['N', 'F'])],
    nodes: [node('Mul', ['x', 'x'], ['y'])],
  });
}

/** y = the elements of x whose condition is true. */
function compress(): Uint8Array {
  return onnx({
    inputs: [value('x', 'float32', ['N']), value('condition', 'bool', ['N'])],
    outputs: [value('y', 'float32', ['M'])],
    nodes: [node('Compress', ['x', 'condition'], ['y'])],
  });
}
