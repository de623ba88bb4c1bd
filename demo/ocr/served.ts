// The chain as a model of @tensorlane/server's: a picture in, its text out. Its steps are the server's models `detection`, `direction` and `recognition`,
// in batches with the steps of other requests.

import type { JsContext } from '@tensorlane/server';
import { type Tensor, TensorlaneError } from 'tensorlane';
import { dictionaryFile } from './assets.js';
import type { OneModel } from './engine.js';
import { Reader } from './pipeline.js';
import { alphabet } from './recognise.js';
import { Turns } from './turns.js';

export const inputs = [{ name: 'picture', type: 'uint8', dims: [-1, -1, 3] }];
export const outputs = [
  { name: 'text', type: 'string', dims: [1] },
  { name: 'confidence', type: 'float32', dims: [1] },
];

/** Of longer sides. */
const MOST = 4096;

const characters = await alphabet(dictionaryFile());
/** All requests take turns with the one JS thread. */
const turns = new Turns();

export async function run({ picture }: { readonly picture: Tensor<'uint8'> }, { models }: JsContext) {
  const { data } = picture;
  const [height = 0, width = 0] = picture.dims;
  if ([height, width].some((side) => side < 32 || side > MOST || side % 32 !== 0)) {
    throw new TensorlaneError(
      'ERR_SHAPE',
      `ocr: sides of a picture are multiples of 32, from 32 to ${MOST}; this one has ${height} x ${width}`,
    );
  }
  const step = (name: string): OneModel => ({
    async run({ data: values, dims }) {
      const [output] = Object.values(await models.run(name, { x: { type: 'float32', data: values, dims } }));
      return output as Tensor<'float32'>;
    },
  });
  const steps = { detection: step('detection'), direction: step('direction'), recognition: step('recognition') };
  const { text, confidence } = await new Reader(steps, characters, turns).read({ width, height, data });
  // Nobody asks here how long they took.
  turns.tally();
  return {
    text: { type: 'string', data: [text], dims: [1] },
    confidence: { type: 'float32', data: Float32Array.of(confidence), dims: [1] },
  };
}
