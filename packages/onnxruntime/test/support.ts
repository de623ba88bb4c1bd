// The package as its users get it: compiled, by require().

import { createRequire } from 'node:module';
import type * as Onnxruntime from '../lib/index.js';

export const ort = createRequire(import.meta.url)('@tensorlane/onnxruntime') as typeof Onnxruntime;

// Warnings would only be in the way of what the tests print.
ort.env.logLevel = 'error';

export function floats(values: readonly number[], dims: readonly number[] = [values.length]) {
  return new ort.Tensor('float32', Float32Array.from(values), dims);
}
