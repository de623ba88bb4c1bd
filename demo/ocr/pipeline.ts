// One picture in, its text out: detect the line, cut it out straight, turn it if it is upside down, read it.
// Each step is one request to one model; requests of other pictures run beside it, and the library batches them.

import { type Direction, direction, directionInput } from './classify.js';
import { type Box, boxes, detectionInput } from './detect.js';
import type { OcrModels, OneModel } from './engine.js';
import { cutOut, type Picture, upsideDown } from './pixels.js';
import { decode, type Letters, LINE_HEIGHT, lineInput, lineWidth } from './recognise.js';
import { Turns } from './turns.js';

export interface Reading {
  readonly text: string;
  readonly confidence: number;
  /** Whether the line was turned by 180 degrees before it was read. */
  readonly turned: boolean;
  readonly boxes: readonly Box[];
}

export class Reader {
  constructor(
    readonly models: Readonly<Record<keyof OcrModels, OneModel>>,
    readonly characters: readonly string[],
    /** The JS thread's pixel work, one piece a turn of the event loop. */
    readonly turns = new Turns(),
  ) {}

  async read(picture: Picture): Promise<Reading> {
    const input = await this.turns.take(() => detectionInput(picture));
    const map = await this.models.detection.run(input);
    const found = await this.turns.take(() => boxes(map));
    const parts = await Promise.all(found.map((box) => this.#line(picture, box)));
    // Upside down, the last box is the first to read.
    const turned = parts.filter((part) => part.way.upsideDown).length > parts.length / 2;
    if (turned) parts.reverse();
    const letters = parts.map((part) => part.letters).filter((part) => part.text !== '');
    const length = letters.reduce((sum, part) => sum + part.certainty.length, 0);
    return {
      text: letters
        .map((part) => part.text)
        .join(' ')
        .trim(),
      confidence: letters.reduce((sum, part) => sum + part.confidence * part.certainty.length, 0) / Math.max(1, length),
      turned,
      boxes: found,
    };
  }

  async #line(picture: Picture, box: Box): Promise<{ letters: Letters; way: Direction }> {
    const { crop, look } = await this.turns.take(() => {
      const crop = cutOut(picture, box.quad, lineWidth(box.width, box.height), LINE_HEIGHT);
      return { crop, look: directionInput(crop) };
    });
    const way = await direction(this.models.direction, look);
    const line = await this.turns.take(() => lineInput(way.upsideDown ? upsideDown(crop) : crop));
    const map = await this.models.recognition.run(line);
    const letters = await this.turns.take(() => decode(map, this.characters));
    return { letters, way };
  }
}
