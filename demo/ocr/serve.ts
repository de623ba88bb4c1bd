// `npm run demo:serve`: the chain behind the protocols of @tensorlane/server, until the process is told to end.
//   node --import tsx demo/ocr/serve.ts [HTTP ADDRESS]

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '@tensorlane/server';
import { modelFiles } from './assets.js';

/** The three models, and the one that chains them. */
function repository(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-ocr-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const [name, file] of Object.entries(modelFiles())) copyFileSync(file, join(folder, `${name}.onnx`));
  mkdirSync(join(folder, 'ocr', '1'), { recursive: true });
  // Whoever loads it has loaded this file, and so takes TypeScript.
  const chain = JSON.stringify(new URL('served.ts', import.meta.url).href);
  writeFileSync(join(folder, 'ocr', '1', 'model.mjs'), `export { inputs, outputs, run } from ${chain};\n`);
  return folder;
}

const [http = '127.0.0.1:8000'] = process.argv.slice(2);
const server = await serve({ repository: repository(), http, grpc: false });
console.log(`${server.url}/v2/models/ocr`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await server.close();
    process.exit();
  });
}
