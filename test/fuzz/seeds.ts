// Writes the models that the fuzzer of the graph reader begins with: those of the other tests.
//   node --import tsx test/fuzz/seeds.ts FOLDER

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backendTests, casesIn, filesOf } from '../backend/cases.js';
import * as models from '../support/onnx-builder.js';

const [folder] = process.argv.slice(2) as [string];
/** What is larger is mutated too slowly to find anything. */
const largest = 16_384;

mkdirSync(folder, { recursive: true });
const write = (name: string, model: Uint8Array) => {
  if (model.length <= largest) writeFileSync(join(folder, name.replaceAll('/', '-')), model);
};
for (const [name, make] of Object.entries(models)) {
  if (typeof make !== 'function' || name === 'model') continue;
  try {
    const made: unknown = (make as () => unknown)();
    if (made instanceof Uint8Array) write(name, made);
  } catch {
    // One that needs arguments.
  }
}
for (const type of models.elementTypes) write(`identity-${type}`, models.identity(type, ['N', 4]));
const tests = backendTests();
if ('folder' in tests) for (const test of casesIn(tests.folder)) write(test.name, filesOf(test).model);
