// What a line of text is found on: grounds (paper, walls, screens, gradients) and the labels a line may be printed
// on, as SVG. A look is a set of colours that keeps text readable; chance decides everything else.

import type { Chance } from '../seeded.js';

export interface Look {
  /** The ground's colours, from one corner to the other. */
  readonly ground: readonly [string, string];
  readonly ink: string;
  /** Colour of the label under the text, if there is one. */
  readonly label?: string;
  readonly edge?: string;
  readonly texture: 'plain' | 'ruled' | 'grid' | 'stripes' | 'blobs' | 'bricks';
}

const LOOKS: readonly Look[] = [
  { ground: ['#fdfcf8', '#ece7da'], ink: '#1d1d1f', texture: 'plain' },
  { ground: ['#f4efe1', '#e2d6b8'], ink: '#3b2a1a', texture: 'ruled' },
  { ground: ['#ffffff', '#eef3fb'], ink: '#1b3a8a', texture: 'grid' },
  { ground: ['#0f1b14', '#08110c'], ink: '#7cf29a', texture: 'stripes' },
  { ground: ['#1c2233', '#0e1220'], ink: '#f6f2e6', texture: 'blobs' },
  { ground: ['#c96f4a', '#a4502f'], ink: '#fff7ea', texture: 'plain' },
  { ground: ['#7fb0c9', '#4b7f9d'], ink: '#10222c', texture: 'blobs' },
  { ground: ['#f7c948', '#e8a317'], ink: '#201a08', texture: 'plain' },
  { ground: ['#d9e4d4', '#aebfa5'], ink: '#5c1420', texture: 'stripes' },
  { ground: ['#8c4a3c', '#6e3529'], ink: '#1a1a1a', label: '#f3f1ea', edge: '#20201e', texture: 'bricks' },
  { ground: ['#7d8a96', '#55616b'], ink: '#ffffff', label: '#13579b', edge: '#ffffff', texture: 'bricks' },
  { ground: ['#6b7a58', '#434f37'], ink: '#ffffff', label: '#0c6b3c', edge: '#eaf5ee', texture: 'blobs' },
  { ground: ['#3a3f47', '#23272d'], ink: '#111111', label: '#ffd23f', edge: '#111111', texture: 'stripes' },
  { ground: ['#b08a5e', '#7e5c37'], ink: '#2b2118', label: '#f5ead2', texture: 'stripes' },
  { ground: ['#dfe3e8', '#bcc3cc'], ink: '#ffffff', label: '#b3202c', texture: 'blobs' },
  { ground: ['#2d4a57', '#182b34'], ink: '#0d2a36', label: '#d9f0ef', texture: 'grid' },
];

/** As many looks as asked for, each used before any comes again. */
export function looks(count: number, from: Chance): Look[] {
  const chosen: Look[] = [];
  while (chosen.length < count) chosen.push(...from.shuffle(LOOKS));
  return chosen.slice(0, count);
}

/** The ground of a scene, without its text. */
export function groundSvg(look: Look, width: number, height: number, from: Chance): string {
  const [start, end] = look.ground;
  const turn = from.between(0, 360).toFixed(0);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
<defs><linearGradient id="g" gradientTransform="rotate(${turn} .5 .5)"><stop offset="0" stop-color="${start}"/><stop offset="1" stop-color="${end}"/></linearGradient></defs>
<rect width="100%" height="100%" fill="url(#g)"/>${texture(look, width, height, from)}</svg>`;
}

function texture(look: Look, width: number, height: number, from: Chance): string {
  const ink = look.ink;
  const parts: string[] = [];
  switch (look.texture) {
    case 'plain':
      break;
    case 'ruled':
      for (let y = from.between(8, 28); y < height; y += 26) {
        parts.push(`<line x1="0" x2="${width}" y1="${y}" y2="${y + 2}" stroke="#6d8fb5" stroke-opacity=".35"/>`);
      }
      break;
    case 'grid':
      for (let x = from.between(0, 20); x < width; x += 20) {
        parts.push(`<path d="M${x} 0V${height}M0 ${x}H${width}" stroke="#5b84c4" stroke-opacity=".16"/>`);
      }
      break;
    case 'stripes':
      for (let x = -height; x < width; x += from.between(24, 60)) {
        parts.push(
          `<path d="M${x} ${height}L${x + height} 0" stroke="#fff" stroke-opacity="${from.between(0.02, 0.09).toFixed(3)}" stroke-width="${from.whole(3, 16)}"/>`,
        );
      }
      break;
    case 'blobs':
      for (let k = 0; k < 14; k++) {
        const shade = from.odds(0.5) ? '#fff' : '#000';
        parts.push(
          `<circle cx="${from.whole(0, width)}" cy="${from.whole(0, height)}" r="${from.whole(12, 90)}" fill="${shade}" fill-opacity="${from.between(0.03, 0.1).toFixed(3)}"/>`,
        );
      }
      break;
    case 'bricks':
      for (let y = 0, row = 0; y < height; y += 24, row++) {
        for (let x = row % 2 === 0 ? 0 : -28; x < width; x += 56) {
          parts.push(
            `<rect x="${x + 1.5}" y="${y + 1.5}" width="53" height="21" fill="${from.odds(0.5) ? ink : '#fff'}" fill-opacity="${from.between(0.02, 0.1).toFixed(3)}"/>`,
          );
        }
      }
      break;
  }
  return parts.join('');
}
