// What a model's inputs go through before it and its outputs after it, in config.pbtxt: Triton has no field for it, so it lies among its
// parameters, which are any backend's own, as JSON.
//
// The rule: a parameter that begins with our name is ours, and one that we do not know is misspelt.

import { wrongOption } from '../core/options.js';
import type { LoadOptions } from '../engine/options.js';
import type { TritonConfig } from './config.js';

const prefix = 'tensorlane.';
const options = ['preprocess', 'postprocess'] as const;

/** As `device.loadModel` has them, which checks what they are. Errors: ERR_ARGUMENT. */
export function stepsOf({ parameters }: TritonConfig): LoadOptions {
  const found = Object.keys(parameters).filter((key) => key.startsWith(prefix));
  const entries = found.map((key) => {
    const option = options.find((one) => key === prefix + one);
    if (option === undefined) {
      const known = options.map((one) => `'${prefix}${one}'`).join(' and ');
      throw wrongOption(`parameters: '${key}' is unknown; those of tensorlane are ${known}`);
    }
    return [option, stepsIn(key, parameters[key]!.string_value)] as const;
  });
  return Object.fromEntries(entries);
}

function stepsIn(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw wrongOption(
      `parameters: the string_value of '${key}' must be JSON, such as {"image": [{"step": "imageToTensor"}]}: ${(cause as Error).message}`,
    );
  }
}

/** Of what is no ONNX file. Errors: ERR_ARGUMENT. */
export function requireNoSteps({ parameters }: TritonConfig): void {
  const key = Object.keys(parameters).find((one) => one.startsWith(prefix));
  if (key !== undefined) throw wrongOption(`parameters: '${key}' is for a model that is an ONNX file`);
}
