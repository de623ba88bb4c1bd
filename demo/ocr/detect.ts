// Where the text is. The detection model gives, for each pixel, the probability that it lies in the shrunken core of
// a text line (DB, "differentiable binarisation"): threshold that map, take each connected island, lay the smallest
// rectangle around it at whatever angle, and grow the rectangle back by as much as the training shrank it.

import type { Values } from './engine.js';
import { normalisation, type Picture, type Point, planes, type Quad } from './pixels.js';

/** A pixel belongs to an island from here on. PaddleOCR's det_db_thresh. */
const CORE = 0.3;
/** An island counts from this mean probability on. PaddleOCR's det_db_box_thresh. */
const SURE = 0.6;
/** How far a box grows: its area times this, over its perimeter. PaddleOCR's det_db_unclip_ratio. */
const GROWTH = 1.5;
/** Narrower islands are specks. */
const SPECK = 3;

const COLOURS = normalisation([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

export interface Box {
  /** Corners in the picture's pixels, clockwise; the long side is along the text. */
  readonly quad: Quad;
  readonly width: number;
  readonly height: number;
  /** Mean probability over the island. */
  readonly score: number;
}

/** The model's input for a picture whose sides are multiples of 32, at its own size. */
export function detectionInput(picture: Picture): Values {
  if (picture.width % 32 !== 0 || picture.height % 32 !== 0) {
    throw new Error(
      `the detection model needs sides that are multiples of 32, and this picture has ${picture.width} x ${picture.height}`,
    );
  }
  return { data: planes(picture, COLOURS), dims: [1, 3, picture.height, picture.width] };
}

/** The lines of text in a probability map, in reading order: by rows, and left to right within one. */
export function boxes({ data, dims }: Values): Box[] {
  const [height = 0, width = 0] = dims.slice(-2);
  const found: Box[] = [];
  const seen = new Uint8Array(data.length);
  const stack: number[] = [];
  for (let start = 0; start < data.length; start++) {
    if ((data[start] as number) <= CORE || seen[start] === 1) continue;
    const island = flood(data, width, height, start, seen, stack);
    if (island.sum / island.size < SURE) continue;
    const box = smallestRectangle(outline(island));
    if (box === undefined || Math.min(box.width, box.height) < SPECK) continue;
    found.push(grown(box, island.sum / island.size));
  }
  return readingOrder(found);
}

interface Island {
  readonly size: number;
  readonly sum: number;
  /** First and last column in each row from `top` on. */
  readonly top: number;
  readonly left: readonly number[];
  readonly right: readonly number[];
}

/** Everything connected to `start` (eight neighbours), as the span it covers in each row. */
function flood(
  map: Float32Array,
  width: number,
  height: number,
  start: number,
  seen: Uint8Array,
  stack: number[],
): Island {
  // The scan reaches an island at its topmost row, so rows only ever grow downwards.
  const top = Math.floor(start / width);
  const left: number[] = [];
  const right: number[] = [];
  let size = 0;
  let sum = 0;
  stack.push(start);
  seen[start] = 1;
  for (let pixel = stack.pop(); pixel !== undefined; pixel = stack.pop()) {
    const y = Math.floor(pixel / width);
    const x = pixel - y * width;
    size++;
    sum += map[pixel] as number;
    left[y - top] = Math.min(left[y - top] ?? x, x);
    right[y - top] = Math.max(right[y - top] ?? x, x);
    for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
      for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
        const near = ny * width + nx;
        if (seen[near] === 1 || (map[near] as number) <= CORE) continue;
        seen[near] = 1;
        stack.push(near);
      }
    }
  }
  return { size, sum, top, left, right };
}

/** The convex hull of an island, from the ends of its rows (Andrew's monotone chain, along y). */
function outline(island: Island): Point[] {
  const ends: Point[] = [];
  for (const [row, left] of island.left.entries()) {
    const y = island.top + row;
    ends.push(
      [left, y],
      [(island.right[row] as number) + 1, y],
      [left, y + 1],
      [(island.right[row] as number) + 1, y + 1],
    );
  }
  ends.sort((a, b) => a[1] - b[1] || a[0] - b[0]);
  const chain = (points: Iterable<Point>): Point[] => {
    const hull: Point[] = [];
    for (const point of points) {
      while (hull.length > 1 && turn(hull.at(-2) as Point, hull.at(-1) as Point, point) <= 0) hull.pop();
      hull.push(point);
    }
    hull.pop();
    return hull;
  };
  return [...chain(ends), ...chain([...ends].reverse())];
}

const turn = (a: Point, b: Point, c: Point): number => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

interface Slanted {
  readonly centre: Point;
  readonly width: number;
  readonly height: number;
  /** Direction of `width`, as a unit vector. */
  readonly along: Point;
}

/** The rectangle of least area around a hull: one of its sides lies on one of the hull's. */
function smallestRectangle(hull: readonly Point[]): Slanted | undefined {
  let best: Slanted | undefined;
  for (const [index, a] of hull.entries()) {
    const b = hull[(index + 1) % hull.length] as Point;
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
    if (length === 0) continue;
    const along: Point = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
    let [low, high, near, far] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const [x, y] of hull) {
      const u = x * along[0] + y * along[1];
      const v = y * along[0] - x * along[1];
      low = Math.min(low, u);
      high = Math.max(high, u);
      near = Math.min(near, v);
      far = Math.max(far, v);
    }
    if (best !== undefined && best.width * best.height <= (high - low) * (far - near)) continue;
    const [u, v] = [(low + high) / 2, (near + far) / 2];
    best = {
      centre: [u * along[0] - v * along[1], u * along[1] + v * along[0]],
      width: high - low,
      height: far - near,
      along,
    };
  }
  return best;
}

/** The rectangle grown on all sides, its long side laid from left to right. */
function grown(core: Slanted, score: number): Box {
  const reach = (core.width * core.height * GROWTH) / (2 * (core.width + core.height));
  let [width, height] = [core.width + 2 * reach, core.height + 2 * reach];
  let [x, y] = core.along;
  if (height > width) {
    [width, height] = [height, width];
    [x, y] = [-y, x];
  }
  // Text is taken to run rightwards; whether it is upside down is the direction classifier's to say.
  if (x < 0) [x, y] = [-x, -y];
  const corner = (across: number, down: number): Point => [
    core.centre[0] + (across * width * x - down * height * y) / 2,
    core.centre[1] + (across * width * y + down * height * x) / 2,
  ];
  return { quad: [corner(-1, -1), corner(1, -1), corner(1, 1), corner(-1, 1)], width, height, score };
}

function readingOrder(found: readonly Box[]): Box[] {
  const middle = (box: Box): Point => [(box.quad[0][0] + box.quad[2][0]) / 2, (box.quad[0][1] + box.quad[2][1]) / 2];
  return [...found].sort((a, b) => {
    const [ax, ay] = middle(a);
    const [bx, by] = middle(b);
    // Boxes whose middles are within half a line of each other stand in one row.
    return Math.abs(ay - by) < Math.max(a.height, b.height) / 2 ? ax - bx : ay - by;
  });
}
