// Draws the pictures to be read: one line of text each, somewhere on a larger scene, in a font of this machine, at an
// angle, blurred, noisy, JPEG-compressed, some upside down. The true text is kept beside them in truth.json.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { type Chance, chance } from '../seeded.js';
import type { Font } from './fonts.js';
import { type Picture, type Point, project, projection, type Quad, rectangle, upsideDown } from './pixels.js';
import { groundSvg, type Look, looks } from './scenes.js';
import { lines, type TextKind } from './texts.js';

/** What was drawn, so that a reading can be judged; stored in truth.json. */
export interface Truth {
  readonly file: string;
  readonly text: string;
  readonly kind: TextKind;
  readonly font: string;
  readonly upsideDown: boolean;
  readonly degrees: number;
  readonly blur: number;
  readonly noise: number;
  readonly quality: number;
}

// Two shapes, so that the demo shows requests of different shapes filling batches of their own. Both are multiples
// of 32, which the detection model needs, and hold as many pixels as each other.
const SHAPES = { wide: [512, 192], tall: [384, 256] } as const;

/** Draws `count` scenes into `folder` and tells what is on them. */
export async function drawScenes(
  folder: string,
  count: number,
  fonts: readonly Font[],
  seed: number,
  done: (drawn: number) => void,
): Promise<Truth[]> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const from = chance(seed);
  const texts = lines(count, from);
  const faces = takeTurns(count, fonts, from);
  const clothes = looks(count, from);
  const truths: Truth[] = [];
  for (const [index, { kind, text }] of texts.entries()) {
    // Each scene has its own chance, so that a change to one leaves the others as they were.
    const own = chance(seed * 1000 + index);
    const font = faces[index] as Font;
    const truth: Truth = {
      file: `${String(index + 1).padStart(2, '0')}.jpg`,
      text,
      kind,
      font: font.family + (font.bold ? ' Bold' : '') + (font.italic ? ' Italic' : ''),
      upsideDown: index % 4 === 2,
      degrees: own.between(-5, 5),
      blur: own.odds(0.5) ? own.between(0.35, 0.8) : 0,
      noise: own.odds(0.6) ? own.between(2, 9) : 0,
      quality: own.whole(55, 92),
    };
    await writeFile(join(folder, truth.file), await scene(truth, font, clothes[index] as Look, own));
    truths.push(truth);
    done(truths.length);
  }
  await writeFile(join(folder, 'truth.json'), `${JSON.stringify(truths, null, 2)}\n`);
  return truths;
}

/** The families in turn, so that each is seen as often as the others however many styles it has. */
function takeTurns(count: number, fonts: readonly Font[], from: Chance): Font[] {
  const families = from.shuffle([...new Set(fonts.map((font) => font.family))]);
  return Array.from({ length: count }, (_, index) => {
    const family = families[index % families.length];
    return from.pick(fonts.filter((font) => font.family === family));
  });
}

async function scene(truth: Truth, font: Font, look: Look, own: Chance): Promise<Buffer> {
  const [width, height] = truth.text.length > 21 || own.odds(0.45) ? SHAPES.wide : SHAPES.tall;
  const ground = await sharp(Buffer.from(groundSvg(look, width, height, own)))
    .removeAlpha()
    .raw()
    .toBuffer();
  const room = width * own.between(0.74, 0.9);
  const patch = await writing(truth.text, font, look, own.between(21, 38), room);
  lay(ground, width, height, patch, corners(patch, width, height, truth.degrees, own));
  // The whole scene is turned, as a photograph of an upside-down thing would be.
  const upright: Picture = { width, height, data: ground };
  const { data } = truth.upsideDown ? upsideDown(upright) : upright;
  let image = sharp(data, { raw: { width, height, channels: 3 } });
  if (truth.blur > 0) image = image.blur(truth.blur);
  const blurred = await image.raw().toBuffer();
  if (truth.noise > 0) {
    for (let k = 0; k < blurred.length; k++) {
      blurred[k] = Math.min(255, Math.max(0, (blurred[k] as number) + own.normal() * truth.noise));
    }
  }
  return sharp(blurred, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: truth.quality })
    .toBuffer();
}

interface Patch {
  readonly width: number;
  readonly height: number;
  /** RGBA. */
  readonly data: Uint8Array;
}

/** The text, on its label if it has one, cut to its own extent and no wider than `room`. */
async function writing(text: string, font: Font, look: Look, size: number, room: number): Promise<Patch> {
  const style = `font-family="${font.family}" font-weight="${font.bold ? 'bold' : 'normal'}" font-style="${font.italic ? 'italic' : 'normal'}"`;
  const draw = async (points: number, extent?: Extent): Promise<{ patch: Patch; extent: Extent }> => {
    const width = Math.ceil(points * text.length * 1.1 + 80);
    const height = Math.ceil(points * 3);
    const behind = extent === undefined ? '' : label(look, extent, points);
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${behind}<text x="40" y="${points * 1.8}" font-size="${points}" ${style} fill="${look.ink}" xml:space="preserve">${inSvg(text)}</text></svg>`;
    const { data, info } = await sharp(Buffer.from(svg)).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    const patch = { width: info.width, height: info.height, data };
    return { patch, extent: opaque(patch) };
  };
  let points = size;
  let first = await draw(points);
  const across = first.extent.right - first.extent.left + (look.label === undefined ? 0 : points * 1.4);
  if (across > room) {
    points *= room / across;
    first = await draw(points);
  }
  if (look.label === undefined) return cut(first.patch, first.extent);
  const labelled = await draw(points, first.extent);
  return cut(labelled.patch, labelled.extent);
}

interface Extent {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

function label(look: Look, text: Extent, points: number): string {
  const pad = points * 0.5;
  const edge = look.edge === undefined ? '' : `stroke="${look.edge}" stroke-width="${Math.max(1.5, points * 0.07)}"`;
  return `<rect x="${text.left - pad * 1.2}" y="${text.top - pad}" width="${text.right - text.left + pad * 2.4}" height="${text.bottom - text.top + pad * 2}" rx="${points * 0.2}" fill="${look.label}" ${edge}/>`;
}

function opaque({ width, height, data }: Patch): Extent {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if ((data[(y * width + x) * 4 + 3] as number) < 8) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
    }
  }
  if (right <= left) throw new Error('nothing was drawn: the font has none of these characters');
  return { left, top, right, bottom };
}

function cut(patch: Patch, { left, top, right, bottom }: Extent): Patch {
  const width = right - left;
  const height = bottom - top;
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * patch.width + left) * 4;
    data.set(patch.data.subarray(start, start + width * 4), y * width * 4);
  }
  return { width, height, data };
}

/** Where on the scene the patch's corners come to lie: turned a little, and seen a little from the side. */
function corners(patch: Patch, width: number, height: number, degrees: number, own: Chance): Quad {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const reachX = (patch.width * Math.abs(cos) + patch.height * Math.abs(sin)) / 2;
  const reachY = (patch.width * Math.abs(sin) + patch.height * Math.abs(cos)) / 2;
  const middle = (size: number, reach: number): number => {
    const slack = Math.max(0, size / 2 - reach - 10);
    return size / 2 + own.between(-slack, slack);
  };
  const centre: Point = [middle(width, reachX), middle(height, reachY)];
  const lean = patch.height * 0.08;
  const corner = (x: number, y: number): Point => {
    const dx = x * patch.width + own.between(-lean, lean);
    const dy = y * patch.height + own.between(-lean, lean);
    return [centre[0] + dx * cos - dy * sin, centre[1] + dx * sin + dy * cos];
  };
  return [corner(-0.5, -0.5), corner(0.5, -0.5), corner(0.5, 0.5), corner(-0.5, 0.5)];
}

/** Lays the patch onto the ground, each pixel blended by its opacity. */
function lay(ground: Uint8Array, width: number, height: number, patch: Patch, quad: Quad): void {
  const back = projection(quad, rectangle(patch.width, patch.height));
  const [xs, ys] = [quad.map(([x]) => x), quad.map(([, y]) => y)];
  for (let y = Math.max(0, Math.floor(Math.min(...ys))); y < Math.min(height, Math.max(...ys)); y++) {
    for (let x = Math.max(0, Math.floor(Math.min(...xs))); x < Math.min(width, Math.max(...xs)); x++) {
      const [u, v] = project(back, x + 0.5, y + 0.5);
      if (u < 0 || v < 0 || u > patch.width || v > patch.height) continue;
      const [red, green, blue, alpha] = sample(patch, u - 0.5, v - 0.5);
      const to = (y * width + x) * 3;
      ground[to] = (ground[to] as number) * (1 - alpha) + red;
      ground[to + 1] = (ground[to + 1] as number) * (1 - alpha) + green;
      ground[to + 2] = (ground[to + 2] as number) * (1 - alpha) + blue;
    }
  }
}

/** The patch at a point between its pixels, colours already multiplied by opacity so that edges do not darken. */
function sample(patch: Patch, u: number, v: number): [number, number, number, number] {
  const sum: [number, number, number, number] = [0, 0, 0, 0];
  const [left, top] = [Math.floor(u), Math.floor(v)];
  for (const [x, y] of [
    [left, top],
    [left + 1, top],
    [left, top + 1],
    [left + 1, top + 1],
  ] as const) {
    if (x < 0 || y < 0 || x >= patch.width || y >= patch.height) continue;
    const p = (y * patch.width + x) * 4;
    const alpha = ((1 - Math.abs(u - x)) * (1 - Math.abs(v - y)) * (patch.data[p + 3] as number)) / 255;
    sum[0] += (patch.data[p] as number) * alpha;
    sum[1] += (patch.data[p + 1] as number) * alpha;
    sum[2] += (patch.data[p + 2] as number) * alpha;
    sum[3] += alpha;
  }
  return sum;
}

const inSvg = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');
