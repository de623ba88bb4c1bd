// What it says. The recognition model gives, for each 8 pixels of a line 48 high, a probability for every character
// and for "none" (CTC): take the likeliest at each step, drop repeats, drop the "none"s, and look for faint spaces.

import { readFile } from 'node:fs/promises';
import type { Values } from './engine.js';
import { normalisation, type Picture, planes } from './pixels.js';

export const LINE_HEIGHT = 48;

/**
 * Widths are rounded up to a multiple of this, so that lines of about the same length have the same shape and can
 * share a batch. Wider steps fill batches better and waste more of the network's time on padding.
 */
const BUCKET = 96;
const LONGEST = 1536;

const COLOURS = normalisation([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]);

/** How wide a box's crop is at the height the model reads. */
export const lineWidth = (width: number, height: number): number =>
  Math.min(LONGEST, Math.max(16, Math.round((LINE_HEIGHT * width) / height)));

export function lineInput(crop: Picture): Values {
  const width = Math.ceil(crop.width / BUCKET) * BUCKET;
  return { data: planes(crop, COLOURS, width), dims: [1, 3, LINE_HEIGHT, width] };
}

/** The model's alphabet by class: "none" first, then the dictionary's lines, then the space. */
export async function alphabet(dictionary: string): Promise<string[]> {
  const keys = (await readFile(dictionary, 'utf8')).split(/\r?\n/);
  if (keys.at(-1) === '') keys.pop();
  return ['', ...keys, ' '];
}

export interface Letters {
  readonly text: string;
  /** Mean probability of the characters kept; 0 where none was. */
  readonly confidence: number;
  /** The probability of each character kept, spaces left out. */
  readonly certainty: readonly number[];
}

/**
 * Where a space was never the likeliest class but reached this probability between two characters, it is put in.
 * The model was trained on Chinese, where words stand together, and rates "none" above the space nearly everywhere:
 * taking only the likeliest class loses most spaces of an English line, and rarely anything else.
 */
const SPACE_SEEN = 0.03;

export function decode({ data, dims }: Values, characters: readonly string[]): Letters {
  const [steps = 0, classes = 0] = dims.slice(-2);
  if (classes !== characters.length) {
    throw new Error(
      `the recognition model has ${classes} classes and the dictionary makes ${characters.length}: they do not belong together`,
    );
  }
  const space = classes - 1;
  let text = '';
  let before = 0;
  let likeliestSpace = 0;
  const certainty: number[] = [];
  for (let step = 0; step < steps; step++) {
    const start = step * classes;
    let best = 0;
    let most = data[start] as number;
    for (let k = 1; k < classes; k++) {
      const value = data[start + k] as number;
      if (value > most) {
        most = value;
        best = k;
      }
    }
    likeliestSpace = Math.max(likeliestSpace, data[start + space] as number);
    if (best !== 0 && best !== before) {
      if (best !== space) {
        if (likeliestSpace > SPACE_SEEN && text !== '') text += ' ';
        text += characters[best];
        certainty.push(most);
        likeliestSpace = 0;
      }
    }
    before = best;
  }
  const confidence = certainty.length === 0 ? 0 : certainty.reduce((sum, value) => sum + value, 0) / certainty.length;
  return { text, confidence, certainty };
}
