// What a model is loaded from.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runInNewContext } from 'node:vm';
import { type Device, type ModelSource, open, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { square } from '../support/onnx-builder.js';

let device: Device;
const folder = mkdtempSync(join(tmpdir(), 'tensorlane-source-'));
const file = join(folder, 'a model #1.onnx');
const bytes = square({ features: 2 });
beforeAll(async () => {
  writeFileSync(file, bytes);
  device = await open(testDevice);
});
afterAll(async () => {
  await device.dispose();
  rmSync(folder, { recursive: true });
});

function inSharedMemory(): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}

function ofAnotherRealm(kind: string): Uint8Array {
  const foreign = new (runInNewContext(kind) as typeof Uint8Array)(bytes.length);
  foreign.set(bytes);
  return foreign;
}

describe('a model is loaded from', () => {
  const within = new Uint8Array(bytes.length + 7);
  within.set(bytes, 5);
  const sources: Record<string, () => ModelSource> = {
    'a path': () => file,
    'a file: URL': () => pathToFileURL(file),
    'the text of one': () => pathToFileURL(file).href,
    'a Uint8Array': () => bytes,
    'a part of one': () => within.subarray(5, 5 + bytes.length),
    'a Buffer': () => Buffer.from(bytes),
    'an ArrayBuffer': () => Uint8Array.from(bytes).buffer,
    'a DataView': () => new DataView(within.buffer, 5, bytes.length),
    'an Int8Array': () => Int8Array.from(bytes),
    'shared memory': () => inSharedMemory(),
    'a view of shared memory': () => new Uint8Array(inSharedMemory()),
    'bytes of another realm': () => ofAnotherRealm('Uint8Array'),
    'a buffer of another realm': () => ofAnotherRealm('Uint8Array').buffer,
  };
  test.each(Object.keys(sources))('%s', async (name) => {
    await using model = await device.loadModel(sources[name]!());
    expect((await model.run({ x: tensor([[2, -3]]) })).y!.data).toEqual(Float32Array.of(4, 9));
  });
});

function transferred<V extends ArrayBufferView<ArrayBuffer>>(view: V): V {
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

describe('refused:', () => {
  test.each([
    ['a NUL in a path', `${file}\0.txt`, /NUL/],
    ['a NUL in a URL', `${pathToFileURL(file).href}%00`, /NUL/],
    ['a URL of another kind', new URL('https://example.com/a.onnx'), /no file/],
    ['a file elsewhere', 'file://elsewhere/a.onnx', /no file/],
    ['an array of numbers', [1, 2, 3] as never, /got Array/],
    ['nothing', null as never, /got null/],
    ['bytes that were transferred', transferred(Uint8Array.from(bytes)), /transferred elsewhere/],
    ['a view of such', transferred(new DataView(Uint8Array.from(bytes).buffer)), /transferred elsewhere/],
    ['a buffer that was', transferred(Uint8Array.from(bytes)).buffer, /transferred elsewhere/],
  ])('%s', async (_, source, message) => {
    await expectError(device.loadModel(source as ModelSource), 'ERR_ARGUMENT', message);
  });

  test('more threads than any machine has cores', async () => {
    await expectError(
      device.loadModel(bytes, { threads: 1e9 }),
      'ERR_ARGUMENT',
      /threads must be an integer from 1 to 1024/,
    );
    await expectError(open({ device: testDevice, threads: 1e9 }), 'ERR_ARGUMENT', /threads must be/);
    await expectError(open({ device: testDevice, streams: 1e9 }), 'ERR_ARGUMENT', /streams must be/);
  });
});
