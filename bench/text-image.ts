// Pictures that look enough like lines of text for OCR models to give answers worth comparing. Noise would not do: they
// find no text in it, and answer every picture of it alike.

import { randomFloats } from '../test/support/onnx-builder.js';

/** `dims` is [N, 3, H, W]; dark strokes in rows of glyph-sized cells, on a light ground, from -1 (black) to 1 (white). */
export function textImages(dims: readonly number[], seed: number): Float32Array<ArrayBuffer> {
  const [count = 0, channels = 0, height = 0, width = 0] = dims;
  const plane = height * width;
  const pixels = new Float32Array(count * channels * plane);
  for (let i = 0; i < count; i++) {
    const picture = drawLines(height, width, seed * 100 + i);
    for (let c = 0; c < channels; c++) pixels.set(picture, (i * channels + c) * plane);
  }
  return pixels;
}

function drawLines(height: number, width: number, seed: number): Float32Array {
  const picture = randomFloats(height * width, seed, 0.05).map((noise) => 0.9 + noise);
  const lineHeight = Math.min(height, 48);
  const glyph = Math.round(lineHeight * 0.6);
  const [cell, stroke] = [Math.round(glyph * 0.7), Math.max(2, Math.round(glyph / 8))];
  const choices = randomFloats(4096, seed + 1);
  let next = 0;
  const chance = () => (choices[next++ % choices.length] ?? 0) > 0;
  const fill = (top: number, left: number, rows: number, columns: number) => {
    for (let y = top; y < top + rows; y++) picture.fill(-0.9, y * width + left, y * width + left + columns);
  };

  for (let top = (lineHeight - glyph) >> 1; top + glyph <= height; top += lineHeight) {
    for (let left = cell >> 1; left + cell <= width; left += cell + 2 * stroke) {
      // A glyph is a choice among the strokes of a seven-segment display.
      const half = (glyph - stroke) >> 1;
      for (const row of [0, half, glyph - stroke]) if (chance()) fill(top + row, left, stroke, cell);
      for (const row of [0, half]) {
        for (const column of [0, cell - stroke]) if (chance()) fill(top + row, left + column, half + stroke, stroke);
      }
    }
  }
  return picture;
}
