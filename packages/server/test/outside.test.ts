// What an ONNX file has beside it (external data) is read from the model's own folder, and leads nowhere else.

import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tensor } from 'tensorlane';
import { expect, test } from 'vitest';
import { model, node, value } from '../../../test/support/onnx-builder.js';
import { ask, folderOf, startEngine, startServer } from './support.js';

/** y = x + what is in a file. */
const withWeights = (file: string) =>
  model({
    inputs: [value('x', 'float32', ['N', 2])],
    outputs: [value('y', 'float32', ['N', 2])],
    initializers: [{ name: 'w', type: 'float32', dims: [2], data: { file, length: 8 } }],
    nodes: [node('Add', ['x', 'w'], ['y'])],
  });
const secret = Buffer.from(Float32Array.of(10, 20).buffer);

function link(folder: string, at: string, to: string): void {
  mkdirSync(dirname(join(folder, at)), { recursive: true });
  symlinkSync(join(folder, to), join(folder, at));
}

test('from beside the model, and not from outside of the repository, by a path or by a link', async () => {
  const folder = folderOf({
    secret,
    'models/own/1/model.onnx': withWeights('w.bin'),
    'models/own/1/w.bin': secret,
    'models/up/1/model.onnx': withWeights('../../../secret'),
    'models/linked/1/model.onnx': withWeights('w.bin'),
    'models/below/1/model.onnx': withWeights('data/w.bin'),
    'models/flat.onnx': withWeights('../secret'),
    'models/free.onnx': withWeights('beside.bin'),
  });
  const absolute = withWeights(join(folder, 'secret'));
  link(folder, 'models/linked/1/w.bin', 'secret');
  link(folder, 'models/below/1/data/w.bin', 'secret');
  link(folder, 'models/beside.bin', 'secret');
  const server = await startServer({ repository: join(folder, 'models'), explicitControl: true });
  const { engine } = server;
  const { y } = await engine.run('own', { x: tensor([[1, 2]]) });
  expect([...y!.data]).toEqual([11, 22]);
  for (const name of ['up', 'linked', 'below', 'flat', 'free']) {
    expect([name, engine.status(name)]).toMatchObject([name, [{ versions: [{ state: 'END' }] }]]);
  }
  // ONNX Runtime would not read it either; but what a link leads to is not even handed to it.
  for (const name of ['linked', 'below']) {
    expect(String(engine.status(name)[0]!.versions[0]!.error)).toMatch(/leads out of/);
  }
  // Nor by files that a call brings.
  const load = (bytes: Uint8Array) =>
    ask(`${server.url}/v2/repository/models/given/load`, {
      parameters: { config: '{}', 'file:1/model.onnx': Buffer.from(bytes).toString('base64') },
    });
  for (const bytes of [withWeights('../../secret'), withWeights(join('..', '..', folder, 'secret')), absolute]) {
    expect((await load(bytes)).status).toBeGreaterThanOrEqual(400);
    expect(engine.status().map(({ name }) => name)).not.toContain('given');
  }
  const brought = {
    config: '{}',
    'file:1/model.onnx': Buffer.from(withWeights('w.bin')).toString('base64'),
    'file:1/w.bin': secret.toString('base64'),
  };
  expect(await ask(`${server.url}/v2/repository/models/given/load`, { parameters: brought })).toMatchObject({
    status: 200,
  });
});

test('also of a model whose folder is elsewhere, by a configuration', async () => {
  const folder = folderOf({ secret, 'elsewhere/1/model.onnx': withWeights('w.bin') });
  link(folder, 'elsewhere/1/w.bin', 'secret');
  const engine = await startEngine({ models: { m: { folder: join(folder, 'elsewhere') } } });
  expect(engine.status('m')[0]!.versions).toMatchObject([{ version: 1, state: 'END' }]);
});
