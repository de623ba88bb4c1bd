// Which version of ONNX Runtime is here.

import { findOnnxRuntime } from '../addon/onnxruntime.js';
import { onnxRuntimeVersionOf } from '../addon/onnxruntime-version.js';

/** Of the library that models would be run with; undefined where there is none, or its name does not tell. */
export function onnxRuntimeVersion(): string | undefined {
  try {
    return onnxRuntimeVersionOf(findOnnxRuntime(undefined));
  } catch {
    return undefined;
  }
}
