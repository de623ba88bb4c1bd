// The picture to compress: mountains over a lake at dusk, computed from a seed. It holds what makes compression hard
// and easy: smooth sky, soft cloud, hard ridges, fine water, stars of a pixel or two, and small type.

import sharp from 'sharp';
import type { Picture } from '../ocr/pixels.js';
import { chance } from '../seeded.js';
import { layered, valueNoise } from './noise.js';

export const SIDE = 1024;
/** Where the lake begins. */
const SHORE = Math.round(SIDE * 0.7);
const SUN = { x: SIDE * 0.68, y: SIDE * 0.43, radius: SIDE * 0.062 };

type Colour = readonly [red: number, green: number, blue: number];

const SKY: readonly (readonly [number, Colour])[] = [
  [0, [18, 20, 58]],
  [0.3, [68, 44, 110]],
  [0.55, [190, 84, 116]],
  [0.78, [250, 150, 96]],
  [1, [255, 214, 150]],
];
const FAR: Colour = [214, 132, 128];
const NEAR: Colour = [17, 19, 42];

/** A chain of mountains: the nearer, the lower, the rougher and the darker. */
interface Ridge {
  readonly base: number;
  readonly rise: number;
  readonly pace: number;
  readonly depth: number;
}

const RIDGES: readonly Ridge[] = [
  { base: 0.5, rise: 0.22, pace: 3.1, depth: 0 },
  { base: 0.56, rise: 0.2, pace: 4.3, depth: 0.25 },
  { base: 0.62, rise: 0.18, pace: 5.9, depth: 0.5 },
  { base: 0.67, rise: 0.12, pace: 8.3, depth: 0.75 },
  { base: 0.715, rise: 0.06, pace: 11, depth: 1 },
];

export async function dusk(seed: number): Promise<Picture> {
  const data = new Uint8Array(SIDE * SIDE * 3);
  paintSky(data, seed);
  for (const [index, ridge] of RIDGES.entries()) paintRidge(data, ridge, seed + 100 + index);
  paintLake(data, seed + 7);
  const type = Buffer.from(lettering());
  const painted = await sharp(data, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .composite([{ input: type }])
    .removeAlpha()
    .raw()
    .toBuffer();
  return { width: SIDE, height: SIDE, data: painted };
}

function paintSky(data: Uint8Array, seed: number): void {
  const noise = valueNoise(seed);
  const stars = chance(seed + 1);
  for (let y = 0; y < SHORE; y++) {
    const height = y / SHORE;
    const [red, green, blue] = gradient(SKY, height ** 1.15);
    for (let x = 0; x < SIDE; x++) {
      // Noise moved about by noise gives cloud its curls.
      const [u, v] = [(x / SIDE) * 3.2, height * 7];
      const warpX = layered(noise, u + 3, v + 9, 3);
      const warpY = layered(noise, u + 31, v + 17, 3);
      const cloud = smooth(0.46, 0.78, layered(noise, u + 2.4 * warpX, v * 1.3 + 2.2 * warpY, 5));
      const far = Math.hypot(x - SUN.x, y - SUN.y);
      const glow = Math.exp(-far / (SIDE * 0.16)) * 0.75 + Math.exp(-far / (SIDE * 0.5)) * 0.25;
      const disc = 1 - smooth(SUN.radius - 1.5, SUN.radius + 1.5, far);
      const lit = cloud * (0.35 + 0.5 * height + glow * 0.6) * (1 - disc * 0.6);
      put(data, x, y, [
        mix(red + glow * 120, 255, disc) + lit * 95,
        mix(green + glow * 70, 244, disc) + lit * 48,
        mix(blue + glow * 20, 214, disc) + lit * 52,
      ]);
    }
  }
  for (let k = 0; k < 420; k++) {
    const [x, y] = [stars.whole(1, SIDE - 2), Math.floor(stars.next() ** 1.7 * SHORE * 0.5)];
    const light = stars.next() ** 2.4 * (1 - y / (SHORE * 0.55)) * 230;
    add(data, x, y, light);
    if (light > 110)
      for (const [dx, dy] of [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ] as const)
        add(data, x + dx, y + dy, light * 0.35);
  }
}

function paintRidge(data: Uint8Array, ridge: Ridge, seed: number): void {
  const noise = valueNoise(seed);
  const from = chance(seed);
  const base = tone(ridge.depth);
  for (let x = 0; x < SIDE; x++) {
    const at = (x / SIDE) * ridge.pace;
    // Folding noise at its middle turns its hills into ridges with sharp crests.
    let height = 0;
    for (let octave = 0, strength = 0.55; octave < 6; octave++, strength *= 0.48) {
      height += strength * (1 - Math.abs(2 * noise(at * 2 ** octave + 7.7 * octave, seed % 251) - 1));
    }
    const pines = ridge.depth === 1 ? pine(x, from, noise) : 0;
    const crest = Math.round((ridge.base - ridge.rise * (height - 0.45)) * SIDE - pines);
    for (let y = Math.max(0, crest); y < SHORE; y++) {
      const below = (y - crest) / (SIDE * 0.2);
      // Gullies run down the slope: noise stretched along it and pushed sideways on the way down.
      const gully = layered(noise, x / 26 + below * 2.5, y / 44 + 40, 5);
      const snow = ridge.depth < 0.6 ? smooth(0.5, 0.62, gully + (0.1 - below) * 0.6) * (0.6 - ridge.depth) : 0;
      const shade = 0.72 + 0.5 * gully;
      const mist = Math.min(
        0.75,
        Math.max(0, (y - SHORE + SIDE * 0.12) / (SIDE * 0.12)) * (1 - ridge.depth) * 0.8 + below * 0.12,
      );
      put(data, x, y, [
        mix(base[0] * shade + snow * 120, 246, mist),
        mix(base[1] * shade + snow * 105, 176, mist),
        mix(base[2] * shade + snow * 110, 140, mist),
      ]);
    }
  }
}

/** The tops of a wood along the nearest shore: spikes of changing height. */
function pine(x: number, from: ReturnType<typeof chance>, noise: (x: number, y: number) => number): number {
  const pitch = 9;
  const tree = Math.floor(x / pitch);
  const tall = 6 + 34 * noise(tree * 0.37, 3.5) * noise(tree * 1.9, 9.5);
  const aside = Math.abs((x % pitch) - pitch / 2) / (pitch / 2);
  return tall * (1 - aside) + from.next() * 2;
}

/** The lake shows what is above it, upside down, shaken sideways by waves that widen towards the viewer. */
function paintLake(data: Uint8Array, seed: number): void {
  const noise = valueNoise(seed);
  for (let y = SHORE; y < SIDE; y++) {
    const depth = (y - SHORE) / (SIDE - SHORE);
    const wave = 60 / (0.08 + depth);
    for (let x = 0; x < SIDE; x++) {
      const swell = layered(noise, (x / SIDE) * 9 * (1.4 - depth), (y / SIDE) * wave * 0.5 + depth * 9, 4) - 0.47;
      const shiftX = swell * (14 + depth * 90);
      const shiftY = swell * (10 + depth * 60);
      const up = SHORE - 1 - (y - SHORE) * 1.45 + shiftY;
      const sourceX = Math.min(SIDE - 1, Math.max(0, Math.round(x + shiftX)));
      const sourceY = Math.min(SHORE - 1, Math.max(0, Math.round(up)));
      const p = (sourceY * SIDE + sourceX) * 3;
      const glint = smooth(0.1, 0.26, swell) * Math.exp(-Math.abs(x - SUN.x) / (SIDE * (0.05 + depth * 0.12))) * 150;
      // Water dims what it shows, the sun least of all.
      const bright = ((data[p + 1] as number) / 255) ** 4;
      const dim = 0.78 - 0.3 * depth + bright * (0.1 + 0.25 * depth);
      put(data, x, y, [
        (data[p] as number) * dim + 6 + glint,
        (data[p + 1] as number) * dim + 10 * (1 - bright) + glint * 0.78,
        (data[p + 2] as number) * dim + 24 * (1 - bright) + glint * 0.55,
      ]);
    }
  }
}

function lettering(): string {
  const family = `font-family="Lato, Open Sans, Liberation Sans, DejaVu Sans, sans-serif"`;
  const small =
    'The best picture of a given rank is the one that the singular value decomposition gives. (Eckart and Young, 1936)';
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}">
<g fill="#fff4e2" ${family}>
<text x="64" y="132" font-size="68" font-weight="bold" letter-spacing="6">singular values</text>
<text x="67" y="172" font-size="23" fill-opacity=".85" letter-spacing="1.5">one picture, three matrices of ${SIDE} x ${SIDE}</text>
<text x="64" y="${SIDE - 40}" font-size="15" fill-opacity=".9">${small}</text>
<rect x="64" y="${SIDE - 78}" width="120" height="2" fill-opacity=".8"/>
</g></svg>`;
}

const tone = (depth: number): Colour => [
  mix(FAR[0], NEAR[0], depth ** 0.8),
  mix(FAR[1], NEAR[1], depth ** 0.8),
  mix(FAR[2], NEAR[2], depth ** 0.8),
];

function gradient(stops: readonly (readonly [number, Colour])[], at: number): Colour {
  const next = Math.max(
    1,
    stops.findIndex(([where]) => where >= at),
  );
  const [lowAt, low] = stops[next - 1] as readonly [number, Colour];
  const [highAt, high] = stops[next] as readonly [number, Colour];
  const share = smooth(lowAt, highAt, at);
  return [mix(low[0], high[0], share), mix(low[1], high[1], share), mix(low[2], high[2], share)];
}

const mix = (a: number, b: number, share: number): number => a + (b - a) * share;

function smooth(from: number, to: number, value: number): number {
  const t = Math.min(1, Math.max(0, (value - from) / (to - from)));
  return t * t * (3 - 2 * t);
}

function put(data: Uint8Array, x: number, y: number, colour: Colour): void {
  const p = (y * SIDE + x) * 3;
  for (let k = 0; k < 3; k++) data[p + k] = Math.min(255, Math.max(0, colour[k as 0 | 1 | 2]));
}

function add(data: Uint8Array, x: number, y: number, light: number): void {
  const p = (y * SIDE + x) * 3;
  for (let k = 0; k < 3; k++) data[p + k] = Math.min(255, (data[p + k] as number) + light);
}
