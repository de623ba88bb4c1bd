// Pixels and where they go: one RGB picture type, and one projective map between four corners and four others,
// which both puts a text onto a scene at an angle and cuts a line out of it straight.

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** RGB, three bytes a pixel, row by row. */
  readonly data: Uint8Array;
}

export type Point = readonly [x: number, y: number];
/** Four corners, clockwise from the top left of what is upright there. */
export type Quad = readonly [Point, Point, Point, Point];

/** A 3x3 projective map, its last entry 1: [a b c d e f g h]. */
export type Projection = Float64Array;

export const rectangle = (width: number, height: number): Quad => [
  [0, 0],
  [width, 0],
  [width, height],
  [0, height],
];

/** The projective map that takes the corners `from` to the corners `to`. */
export function projection(from: Quad, to: Quad): Projection {
  // Each corner gives two linear equations in the eight unknowns.
  const rows: number[][] = [];
  for (let corner = 0; corner < 4; corner++) {
    const [x, y] = from[corner] as Point;
    const [u, v] = to[corner] as Point;
    rows.push([x, y, 1, 0, 0, 0, -x * u, -y * u, u]);
    rows.push([0, 0, 0, x, y, 1, -x * v, -y * v, v]);
  }
  return eliminate(rows);
}

/** Gauss-Jordan with row pivoting on an n x (n+1) system. */
function eliminate(rows: number[][]): Float64Array {
  const size = rows.length;
  for (let column = 0; column < size; column++) {
    let best = column;
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(at(rows, row, column)) > Math.abs(at(rows, best, column))) best = row;
    }
    [rows[column], rows[best]] = [rows[best] as number[], rows[column] as number[]];
    const pivot = at(rows, column, column);
    if (Math.abs(pivot) < 1e-12) throw new Error('four corners on one line do not make a quadrilateral');
    for (let row = 0; row < size; row++) {
      if (row === column) continue;
      const factor = at(rows, row, column) / pivot;
      for (let k = column; k <= size; k++) (rows[row] as number[])[k] = at(rows, row, k) - factor * at(rows, column, k);
    }
  }
  return Float64Array.from(rows, (row, index) => (row[size] as number) / (row[index] as number));
}

const at = (rows: number[][], row: number, column: number): number => rows[row]?.[column] ?? Number.NaN;

export function project(map: Projection, x: number, y: number): Point {
  const [a, b, c, d, e, f, g, h] = map as unknown as [number, number, number, number, number, number, number, number];
  const scale = 1 / (g * x + h * y + 1);
  return [(a * x + b * y + c) * scale, (d * x + e * y + f) * scale];
}

/** The part of `source` inside `quad`, laid straight into a `width` x `height` picture, sampled bilinearly. */
export function cutOut(source: Picture, quad: Quad, width: number, height: number): Picture {
  const map = projection(rectangle(width, height), quad);
  const [a, b, c, d, e, f, g, h] = map as unknown as [number, number, number, number, number, number, number, number];
  const { data: pixels, width: across, height: down } = source;
  const data = new Uint8Array(width * height * 3);
  const right = across - 1;
  const bottom = down - 1;
  for (let row = 0, out = 0; row < height; row++) {
    const y = row + 0.5;
    for (let column = 0; column < width; column++, out += 3) {
      const x = column + 0.5;
      const scale = 1 / (g * x + h * y + 1);
      // Outside the picture its edge goes on, as a camera's frame would have cut it anyway.
      const u = Math.min(Math.max((a * x + b * y + c) * scale - 0.5, 0), right);
      const v = Math.min(Math.max((d * x + e * y + f) * scale - 0.5, 0), bottom);
      const left = u | 0;
      const top = v | 0;
      const along = u - left;
      const below = v - top;
      const p = (top * across + left) * 3;
      const q = left < right ? p + 3 : p;
      const step = top < bottom ? across * 3 : 0;
      for (let k = 0; k < 3; k++) {
        const upper = (pixels[p + k] as number) * (1 - along) + (pixels[q + k] as number) * along;
        const lower = (pixels[p + step + k] as number) * (1 - along) + (pixels[q + step + k] as number) * along;
        data[out + k] = upper * (1 - below) + lower * below + 0.5;
      }
    }
  }
  return { width, height, data };
}

/** The picture turned by 180 degrees: its pixels in reverse order. */
export function upsideDown({ width, height, data }: Picture): Picture {
  const turned = new Uint8Array(data.length);
  for (let from = 0, to = data.length - 3; to >= 0; from += 3, to -= 3) {
    turned[to] = data[from] as number;
    turned[to + 1] = data[from + 1] as number;
    turned[to + 2] = data[from + 2] as number;
  }
  return { width, height, data: turned };
}

/** Per channel, the input of a network for each byte value: (value / 255 - mean) / deviation. */
export interface Normalisation {
  readonly blue: Float32Array;
  readonly green: Float32Array;
  readonly red: Float32Array;
}

/** PaddleOCR reads pictures as BGR and its figures are in that order, so the first mean is blue's. */
export function normalisation(
  means: readonly [number, number, number],
  deviations: readonly [number, number, number],
): Normalisation {
  const table = (channel: 0 | 1 | 2): Float32Array =>
    Float32Array.from({ length: 256 }, (_, value) => (value / 255 - means[channel]) / deviations[channel]);
  return { blue: table(0), green: table(1), red: table(2) };
}

/**
 * A picture as a network's input: three planes, blue first, `paddedWidth` wide. What lies right of the picture
 * stays 0, the middle grey that PaddleOCR pads with as well.
 */
export function planes(picture: Picture, by: Normalisation, paddedWidth = picture.width): Float32Array {
  const { width, height, data } = picture;
  const plane = paddedWidth * height;
  const out = new Float32Array(3 * plane);
  const { blue, green, red } = by;
  for (let row = 0, from = 0; row < height; row++) {
    let to = row * paddedWidth;
    for (let column = 0; column < width; column++, from += 3, to++) {
      out[to] = blue[data[from + 2] as number] as number;
      out[to + plane] = green[data[from + 1] as number] as number;
      out[to + 2 * plane] = red[data[from] as number] as number;
    }
  }
  return out;
}
