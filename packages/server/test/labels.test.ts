// A label moves only to a version that is loaded, and stays where it was until then.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { call, grpcClient } from './calls.js';
import { ask, folderOf, put, startServer } from './support.js';

const reload = 'tensorflow.serving.ModelService/HandleReloadConfigRequest';

test('pointed at a version that is not loaded it stays, and moves when that is', async () => {
  const folder = folderOf({ 'm/1/model.onnx': square({ features: 1 }), 'm/2/model.onnx': square({ features: 1 }) });
  const server = await startServer({
    models: { m: { folder: join(folder, 'm'), versions: { all: true }, labels: { stable: 1 } } },
    grpc: '127.0.0.1:0',
    explicitControl: true,
  });
  const client = grpcClient(server.grpcTarget!);
  const pointTo = (stable: number) =>
    call(client, reload, {
      config: {
        model_config_list: {
          config: [
            {
              name: 'm',
              base_path: join(folder, 'm'),
              model_version_policy: { all: {} },
              version_labels: { stable, canary: 4 },
            },
          ],
        },
      },
    });
  const stable = () => server.engine.resolve({ name: 'm', label: 'stable' }).version;
  expect(stable()).toBe(1);
  // Version 3 is not there, then broken, then well.
  await pointTo(3).catch(() => {});
  expect(stable()).toBe(1);
  put(folder, { 'm/3/model.onnx': 'no model' });
  await server.engine.refresh();
  expect(stable()).toBe(1);
  const row = { instances: [[3]] };
  expect(await ask(`${server.url}/v1/models/m/labels/stable:predict`, row)).toMatchObject({ status: 200 });
  expect((await ask(`${server.url}/v1/models/m/labels/canary:predict`, row)).status).toBe(400);
  put(folder, { 'm/3/model.onnx': square({ features: 1 }) });
  await server.engine.refresh();
  expect(stable()).toBe(3);
  await pointTo(2);
  expect(stable()).toBe(2);
});
