// How the package is found and loaded: CommonJS and ES modules, beside other copies of onnxruntime-common.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runNode } from '../../../test/support/processes.js';
import { folderOfModels } from './models.js';

const require = createRequire(import.meta.url);
const folder = folderOfModels();

async function printed(script: string, ...flags: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await runNode([...flags, '--eval', script]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

test('an ES module gets the names, the namespace and the default', async () => {
  const script = `
    import { InferenceSession, Tensor, env, listSupportedBackends } from '@tensorlane/onnxruntime';
    import * as all from '@tensorlane/onnxruntime';
    import ort from '@tensorlane/onnxruntime';
    const same = [InferenceSession === ort.InferenceSession, Tensor === all.Tensor, env === ort.env];
    console.log(JSON.stringify([same, typeof listSupportedBackends, Object.keys(all).sort()]));`;
  const [same, kind, names] = (await printed(script, '--input-type=module')) as [boolean[], string, string[]];
  expect([same, kind]).toEqual([[true, true, true], 'function']);
  expect(names).toEqual(
    [
      ...['InferenceSession', 'TRACE', 'TRACE_EVENT_BEGIN', 'TRACE_EVENT_END', 'TRACE_FUNC_BEGIN', 'TRACE_FUNC_END'],
      ...['Tensor', '__esModule', 'default', 'env', 'listSupportedBackends', 'registerBackend'],
      // Node 23 and later: what `require` gives of it.
      ...(names.includes('module.exports') ? ['module.exports'] : []),
    ].sort(),
  );
  // Not one more nor less than the original has, which is in the same process as no other.
  const theirs = "import * as all from 'onnxruntime-node'; console.log(JSON.stringify(Object.keys(all).sort()));";
  expect(names).toEqual(await printed(theirs, '--input-type=module'));
});

test('importing it loads nothing native, nor tensorlane', async () => {
  const script = `
    const { performance } = require('node:perf_hooks');
    require('@tensorlane/onnxruntime');
    const loaded = process.report.getReport().sharedObjects.filter((file) => /tensorlane|onnxruntime/.test(file));
    console.log(JSON.stringify([loaded, Object.keys(require.cache).filter((file) => /tensorlane\\.node|tensorlane.dist/.test(file))]));`;
  expect(await printed(script)).toEqual([[], []]);
});

test('files that others look for are there, and the versions are those of ONNX Runtime', () => {
  const manifest = require('@tensorlane/onnxruntime/package.json');
  const { env } = require('@tensorlane/onnxruntime');
  expect(manifest.version).toBe(require('onnxruntime-node/package.json').version);
  expect(manifest.dependencies['onnxruntime-common']).toBe(manifest.version);
  expect(env.versions).toEqual({ common: manifest.version, node: manifest.version });
  expect(manifest.exports).toBe(undefined);
  expect(require('@tensorlane/onnxruntime/dist/version.js').version).toBe(manifest.version);
  const { binding, initOrt } = require('@tensorlane/onnxruntime/dist/binding.js');
  expect(binding.listSupportedBackends()).toEqual(require('@tensorlane/onnxruntime').listSupportedBackends());
  initOrt();
});

test('tensors of the ES modules of onnxruntime-common are taken, and those of its CommonJS are given', async () => {
  const script = `
    import * as common from 'onnxruntime-common';
    import ort from '@tensorlane/onnxruntime';
    const session = await ort.InferenceSession.create(${JSON.stringify(join(folder, 'two.onnx'))});
    const a = new common.Tensor('float32', [1, 2, 3], [1, 3]);
    const { sum } = await session.run({ a, b: a });
    console.log(JSON.stringify([a instanceof ort.Tensor, sum instanceof ort.Tensor, [...sum.data]]));`;
  expect(await printed(script, '--input-type=module')).toEqual([false, true, [2, 4, 6]]);
});

test('whoever asks onnxruntime-common itself gets a session of this package', async () => {
  const script = `
    require('@tensorlane/onnxruntime');
    const { InferenceSession } = require('onnxruntime-common');
    InferenceSession.create(${JSON.stringify(join(folder, 'two.onnx'))}).then((session) =>
      console.log(JSON.stringify([session.inputNames, session.tensorlane.provider])));`;
  expect(await printed(script)).toEqual([['a', 'b'], 'cpu']);
});

test('the original runs beside it in another thread', async () => {
  const run = (name: string) => `
    const ort = require(${JSON.stringify(name)});
    ort.env.logLevel = 'error';
    const a = new ort.Tensor('float32', [1, 2, 3], [1, 3]);
    const once = async () => {
      const session = await ort.InferenceSession.create(${JSON.stringify(join(folder, 'two.onnx'))});
      const { sum } = await session.run({ a, b: a });
      return [session.tensorlane !== undefined, [...sum.data]];
    };`;
  const worker = `${run('onnxruntime-node')} once().then((it) => require('node:worker_threads').parentPort.postMessage(it));`;
  const script = `${run('@tensorlane/onnxruntime')}
    const { Worker } = require('node:worker_threads');
    once().then(async (before) => {
      const worker = new Worker(${JSON.stringify(worker)}, { eval: true });
      const theirs = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      console.log(JSON.stringify([before, theirs, await once()]));
    });`;
  expect(await printed(script)).toEqual([
    [true, [2, 4, 6]],
    [false, [2, 4, 6]],
    [true, [2, 4, 6]],
  ]);
});
