// What was learned of a model, kept in a file.

import { readFile } from 'node:fs/promises';
import { checkedTuned, type Tuned } from '../batching/learning/tuned.js';
import { refuseNul } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';

/** Errors: ERR_ARGUMENT, naming the file: it cannot be read, is no JSON, or something else. */
export async function readTuned(file: string): Promise<Tuned> {
  refuseNul('tuned', file);
  try {
    return checkedTuned(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new TensorlaneError('ERR_ARGUMENT', `loadModel: tuned: '${file}': ${(error as Error).message}`, {
      cause: error,
    });
  }
}
