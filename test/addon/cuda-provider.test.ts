// Where ONNX Runtime's CUDA provider is looked for, and how the core gets to lie beside it. The provider's files are made up here: what
// is seen is that the runtime tries to open them, and what is said where it cannot.

import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { placeBesideCudaProvider, providerFiles } from '../../lib/addon/cuda-provider.js';
import { findOnnxRuntime } from '../../lib/addon/onnxruntime.js';
import { onnxRuntimeVersionOf } from '../../lib/addon/onnxruntime-version.js';
import { printedBy } from '../support/processes.js';

const root = mkdtempSync(join(tmpdir(), 'tensorlane-provider-'));
const before = { ...process.env };
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
  for (const name of names) restore(name);
});

const names = ['XDG_DATA_HOME', 'XDG_CACHE_HOME', 'TENSORLANE_CUDA_LIBRARIES', 'TENSORLANE_ONNXRUNTIME_PROVIDERS'];
function restore(name: string): void {
  if (before[name] === undefined) delete process.env[name];
  else process.env[name] = before[name];
}

const core = findOnnxRuntime(undefined);
const version = onnxRuntimeVersionOf(core)!;

function provider(...folder: string[]): string {
  const made = join(root, ...folder);
  mkdirSync(made, { recursive: true });
  for (const file of providerFiles) writeFileSync(join(made, file), 'no library');
  return made;
}

describe.skipIf(process.platform !== 'linux')("ONNX Runtime's CUDA provider", () => {
  let data: string;
  let number = 0;
  beforeEach(() => {
    data = `data${number++}`;
    process.env.XDG_DATA_HOME = join(root, data);
    process.env.XDG_CACHE_HOME = join(root, data, 'cache');
    delete process.env.TENSORLANE_CUDA_LIBRARIES;
    delete process.env.TENSORLANE_ONNXRUNTIME_PROVIDERS;
  });

  function expectLinked(folder: string): void {
    const { path, remedy } = placeBesideCudaProvider(core);
    expect(remedy).toBeUndefined();
    expect(path.startsWith(join(root, data, 'cache', 'tensorlane'))).toBe(true);
    const links = readdirSync(dirname(path)).map((name) => readlinkSync(join(dirname(path), name)));
    expect(links.sort()).toEqual([core, ...providerFiles.map((file) => join(folder, file))].sort());
    expect(placeBesideCudaProvider(core).path).toBe(path);
  }

  test('is used where it lies beside the core', () => {
    const own = join(provider(data, 'together'), 'libonnxruntime.so.1');
    writeFileSync(own, 'no library');
    expect(placeBesideCudaProvider(own)).toEqual({ path: own, remedy: undefined });
  });

  test('is found where `setup cuda` puts it, if it is of the same version', () => {
    provider(data, 'tensorlane', 'cuda13', 'onnxruntime-1.2.3');
    expect(placeBesideCudaProvider(core)).toEqual({
      path: core,
      remedy: expect.stringMatching(
        new RegExp(
          `onnxruntime-1.2.3 is of another version, and ONNX Runtime here is ${version}: run .*setup cuda. again`,
        ),
      ),
    });
    expectLinked(provider(data, 'tensorlane', 'cuda13', `onnxruntime-${version}`));
  });

  test('is found beside the libraries that are named, and where it is named itself', () => {
    process.env.TENSORLANE_CUDA_LIBRARIES = join(root, data, 'opt', 'lib');
    expectLinked(provider(data, 'opt', `onnxruntime-${version}`));
    const named = provider(data, 'named');
    process.env.TENSORLANE_ONNXRUNTIME_PROVIDERS = named;
    expectLinked(named);
    rmSync(join(named, providerFiles[1]));
    expect(placeBesideCudaProvider(core).remedy).toMatch(
      /names .*named, which has no libonnxruntime_providers_cuda.so$/,
    );
  });

  test('is taken from the folder that open was given, before all others, and from no other', () => {
    const own = join(provider(data, 'beside'), 'libonnxruntime.so.1');
    writeFileSync(own, 'no library');
    const given = provider(data, 'given');
    process.env.TENSORLANE_ONNXRUNTIME_PROVIDERS = provider(data, 'named');
    const { path, remedy } = placeBesideCudaProvider(own, given);
    expect(remedy).toBeUndefined();
    expect(readlinkSync(join(dirname(path), providerFiles[1]))).toBe(join(given, providerFiles[1]));
    expect(placeBesideCudaProvider(own, dirname(own))).toEqual({ path: own, remedy: undefined });
    expect(placeBesideCudaProvider(own, join(root, 'nowhere'))).toEqual({
      path: own,
      remedy: expect.stringMatching(
        /^open\(\{ onnxruntimeProviders \}\) names .*nowhere, which has no .*shared.so and .*cuda.so$/,
      ),
    });
  });

  test('of none it is said what to do', () => {
    expect(placeBesideCudaProvider(core)).toEqual({
      path: core,
      remedy: expect.stringMatching(/is not there: run `npx tensorlane setup cuda`, or name its folder in TENSORLANE_/),
    });
  });

  const loaded = async () => {
    const { XDG_DATA_HOME, XDG_CACHE_HOME } = process.env;
    return JSON.parse(await printedBy(load, { env: { XDG_DATA_HOME, XDG_CACHE_HOME } })) as string[];
  };
  const load = `
    import { open } from 'tensorlane';
    import { square } from './dist/cli/doctor/square.js';
    const device = await open('cpu');
    const model = await device.loadModel(Buffer.from(square, 'base64'), { providers: ['cuda', 'cpu'] });
    const refusal = await device.loadModel(Buffer.from(square, 'base64'), { providers: ['cuda'] }).catch(String);
    console.log(JSON.stringify([model.provider, model.fallbackReason, refusal]));
    await device.dispose();
  `;

  test('that is found is what the runtime tries to open', async () => {
    provider(data, 'tensorlane', 'cuda13', `onnxruntime-${version}`);
    const [provided, reason, refusal] = await loaded();
    expect(provided).toBe('cpu');
    expect(reason).toContain(join(root, data, 'cache', 'tensorlane'));
    expect(reason).toContain(providerFiles[0]);
    expect(refusal).toContain(reason);
  });

  test('that is not there is told of with the remedy', async () => {
    const [provided, reason, refusal] = await loaded();
    expect(provided).toBe('cpu');
    expect(reason).toMatch(
      /cannot use CUDA here: [\s\S]*\S\. Its CUDA provider is not there: run `npx tensorlane setup cuda`/,
    );
    expect(refusal).toContain(reason);
  });
});
