// Smooth noise: random values at whole coordinates, blended in between, and sums of it at doubling frequencies.

import { scramble } from '../seeded.js';

/** A value in [0, 1) for each point of the plane, without jumps or kinks. */
export type Noise = (x: number, y: number) => number;

export function valueNoise(seed: number): Noise {
  // A table is far quicker than a hash for each corner; 256 x 256 cells repeat too far apart to be seen.
  const table = Float32Array.from({ length: 65536 }, (_, index) => scramble(index ^ scramble(seed)) / 2 ** 32);
  return (x, y) => {
    const left = Math.floor(x);
    const top = Math.floor(y);
    const u = fade(x - left);
    const v = fade(y - top);
    const upper = (top & 255) << 8;
    const lower = ((top + 1) & 255) << 8;
    const a = table[upper | (left & 255)] as number;
    const b = table[upper | ((left + 1) & 255)] as number;
    const c = table[lower | (left & 255)] as number;
    const d = table[lower | ((left + 1) & 255)] as number;
    return a + (b - a) * u + (c - a) * v + (a - b - c + d) * u * v;
  };
}

/** Sum of `octaves` layers, each twice as fine and half as strong: about [0, 1]. */
export function layered(noise: Noise, x: number, y: number, octaves: number): number {
  let sum = 0;
  let strength = 0.5;
  let [px, py] = [x, y];
  for (let k = 0; k < octaves; k++) {
    sum += noise(px, py) * strength;
    strength /= 2;
    // Turned as well as doubled, so that the cells of the layers do not line up.
    [px, py] = [1.6 * px - 1.2 * py + 11.3, 1.2 * px + 1.6 * py + 5.7];
  }
  return sum;
}

/** Smooth in value, slope and curvature at both ends. */
const fade = (t: number): number => t * t * t * (t * (t * 6 - 15) + 10);
