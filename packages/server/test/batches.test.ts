// Statistics of batches: those of a version that is there, and nothing is kept of those that have gone.

import { channel } from 'node:diagnostics_channel';
import { tensor } from 'tensorlane';
import { expect, test, vi } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { BatchListener, VersionStatistics } from '../lib/engine/statistics.js';
import { folderOf, put, startEngine } from './support.js';

const batch = (batcher: string) => ({ batcher, rows: 1, requests: 1, computeMicros: 1, queueMicros: [1] });

test('a model that is loaded anew under its name is heard until both have ended', () => {
  using listener = new BatchListener();
  const statistics = new VersionStatistics();
  const heard = vi.spyOn(statistics, 'batch').mockImplementation(() => {});
  const first = listener.add('m/1', statistics);
  const second = listener.add('m/1', statistics);
  first();
  channel('tensorlane:batch').publish(batch('m/1'));
  expect([heard.mock.calls.length, listener.size]).toEqual([1, 1]);
  second();
  channel('tensorlane:batch').publish(batch('m/1'));
  expect([heard.mock.calls.length, listener.size]).toEqual([1, 0]);
});

test('one that takes the place of another is heard, and what that gives back is not its own', () => {
  using listener = new BatchListener();
  const [old, young] = [new VersionStatistics(), new VersionStatistics()];
  const endOld = listener.add('m/1', old);
  const endYoung = listener.add('m/1', young);
  endOld();
  expect(listener.size).toBe(1);
  endYoung();
  expect(listener.size).toBe(0);
});

test('of versions that come and go, the last is kept', async () => {
  const remove = vi.spyOn(Map.prototype, 'delete');
  const folder = folderOf({ 'm/1/model.onnx': square({ features: 1 }) });
  const engine = await startEngine({ repository: folder });
  for (let version = 2; version <= 4; version++) {
    put(folder, { [`m/${version}/model.onnx`]: square({ features: 1 }) });
    await engine.refresh();
    await engine.run('m', { x: tensor([[version]]) });
  }
  const gone = () =>
    new Set(remove.mock.calls.map(([key]) => key).filter((key) => /^m\/\d+(#\d+)?$/.test(String(key))));
  await vi.waitUntil(() => gone().size === 3);
  remove.mockRestore();
  expect(engine.resolve({ name: 'm' }).statistics.total(engine.resolve({ name: 'm' }).stats()).executions).toBe(1);
});
