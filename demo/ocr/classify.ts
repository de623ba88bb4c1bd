// Which way up. The direction classifier looks at a crop 48 high and at most 192 wide and gives the probabilities of
// 0 and 180 degrees; the likelier one is believed, for either mistake makes a readable line unreadable.

import type { OneModel, Values } from './engine.js';
import { normalisation, type Picture, planes } from './pixels.js';

const HEIGHT = 48;
const WIDTH = 192;

const COLOURS = normalisation([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]);

export interface Direction {
  readonly upsideDown: boolean;
  /** Probability of 180 degrees. */
  readonly probability: number;
}

/** A crop 48 high as the classifier's input: squeezed to 192 wide where it is longer, padded where it is shorter. */
export function directionInput(crop: Picture): Values {
  const narrow = crop.width > WIDTH ? squeezed(crop, WIDTH) : crop;
  return { data: planes(narrow, COLOURS, WIDTH), dims: [1, 3, HEIGHT, WIDTH] };
}

export async function direction(model: OneModel, input: Values): Promise<Direction> {
  const { data } = await model.run(input);
  const probability = data[1] ?? Number.NaN;
  return { upsideDown: probability > 0.5, probability };
}

/** Narrower by averaging whole spans of pixels, so that thin strokes fade and do not vanish. */
function squeezed({ width, height, data }: Picture, target: number): Picture {
  const out = new Uint8Array(target * height * 3);
  const span = width / target;
  for (let column = 0; column < target; column++) {
    const from = column * span;
    const to = Math.min(width, from + span);
    for (let row = 0; row < height; row++) {
      let [red, green, blue] = [0, 0, 0];
      for (let x = Math.floor(from); x < to; x++) {
        const share = Math.min(to, x + 1) - Math.max(from, x);
        const p = (row * width + x) * 3;
        red += (data[p] as number) * share;
        green += (data[p + 1] as number) * share;
        blue += (data[p + 2] as number) * share;
      }
      const q = (row * target + column) * 3;
      out[q] = red / span + 0.5;
      out[q + 1] = green / span + 0.5;
      out[q + 2] = blue / span + 0.5;
    }
  }
  return { width: target, height, data: out };
}
