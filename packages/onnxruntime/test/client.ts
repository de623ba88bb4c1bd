// A TypeScript client of the package alone: its declarations, onnxruntime-common's, and nothing else, not even tensorlane or Node's types.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = `
import * as ort from 'onnxruntime-node';
import { env, InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
import type { SessionModel, TensorlaneOptions } from 'onnxruntime-node';
export async function classes(): Promise<Float32Array> {
  const options: TensorlaneOptions = { batching: true, maxBatchSize: 8 };
  env.tensorlane = options;
  const session: InferenceSession = await InferenceSession.create('model', { executionProviders: ['cpu'], extra: { a: 'b' } });
  const feeds: Record<string, ort.Tensor> = { x: new Tensor('float32', Float32Array.of(1), [1]) };
  const results: InferenceSession.OnnxValueMapType = await session.run(feeds, { logSeverityLevel: 3 });
  const bundled: boolean = listSupportedBackends()[0].bundled;
  const model: SessionModel = session.tensorlane;
  const reason: string | undefined = model.batching.reason;
  const p99: number = model.stats().totalMicros.p99;
  const { y } = await model.run(feeds, { outputs: ['y'] });
  void [env.versions.node, bundled, reason, p99, y.dims];
  return results.y.data as Float32Array;
}
`;

/** A folder with it, until `remove`. */
export async function typeScriptClient(): Promise<{ readonly folder: string; remove(): void }> {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-typescript-'));
  const { makeWorkspacePackage } = (await import(`${root}/scripts/package/workspace.mjs`)) as {
    makeWorkspacePackage(name: string, folder: string): string;
  };
  const modules = join(folder, 'node_modules');
  mkdirSync(modules);
  makeWorkspacePackage('onnxruntime', join(modules, 'onnxruntime-node'));
  cpSync(join(root, 'node_modules', 'onnxruntime-common'), join(modules, 'onnxruntime-common'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }');
  writeFileSync(join(folder, 'client.ts'), program);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** What the compiler in the folder `typescript` says of it: '' where all is well. */
export function compiled(folder: string, typescript: string, options: Readonly<Record<string, unknown>>): string {
  const compilerOptions = { noEmit: true, strict: true, target: 'ES2022', types: [], ...options };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['client.ts'] }));
  const args = [join(typescript, 'bin', 'tsc'), '-p', folder];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const said = `${stdout}${stderr}`;
  return status === 0 || said !== '' ? said : `tsc ended with ${status}`;
}
