// What the default is measured on: models of different kinds, and a chain of three that share one device.

import { models } from '../models.js';

export interface Step {
  readonly path: string;
  /** The shapes that requests have, in turns; the leading 1 is the row of a batch. */
  readonly shapes: readonly (readonly number[])[];
}

export interface Subject {
  readonly name: string;
  /** A request goes through all of them, one after the other. A short run may take smaller models, under the same name. */
  readonly steps: (short?: boolean) => readonly Step[];
}

const dense = (width: number): readonly Step[] => [{ path: models.dense(width), shapes: [[1, width]] }];

const one = (name: string, path: () => string, ...shapes: number[][]): Subject => ({
  name,
  steps: () => [{ path: path(), shapes }],
});

export const SINGLE: readonly Subject[] = [
  one('square 16', models.square, [1, 16]),
  { name: 'dense 4x512', steps: () => dense(512) },
  { name: 'dense 4x2048', steps: (short) => dense(short ? 256 : 2048) },
  one('OCR classifier', models.classifier, [1, 3, 48, 192]),
  one('OCR recognition', models.recognition, [1, 3, 48, 320]),
  one('OCR recognition, mixed widths', models.recognition, [1, 3, 48, 96], [1, 3, 48, 160], [1, 3, 48, 256]),
  one('LSTM', models.lstm, [1, 24, 32]),
  one('attention', models.attention, [1, 32, 128]),
];

export const CHAIN: Subject = {
  name: 'OCR chain',
  steps: () => [
    { path: models.detection(), shapes: [[1, 3, 64, 192]] },
    { path: models.classifier(), shapes: [[1, 3, 48, 192]] },
    { path: models.recognition(), shapes: [[1, 3, 48, 192]] },
  ],
};
