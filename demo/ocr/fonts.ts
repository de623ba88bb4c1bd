// Which fonts to write with: those that the set-up installs for the demo, as far as they are here, so that the
// pictures are the same on every machine; where too few of them are, whatever else this machine has for English text.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import wanted from '../../scripts/setup/fonts.json' with { type: 'json' };

export interface Font {
  readonly family: string;
  readonly bold: boolean;
  readonly italic: boolean;
}

/** With fewer families than this the pictures would all look alike. */
const FEWEST_FAMILIES = 5;
const MOST_FAMILIES = 16;

// Only the plain styles: SVG cannot ask for "Semibold Condensed" in words that every font understands.
const PLAIN = /^(\d+ )?(Regular|Book|Roman|Medium|Bold|Italic|Oblique|Bold Italic|Bold Oblique)$/;
// Families that claim English yet draw something else, or script and blackletter faces no reader is trained on.
const NOT_FOR_TEXT =
  /math|symbol|emoji|dingbat|icon|awesome|chancery|script|blackletter|fraktur|D050000L|Z003|braille/i;
// Noto has one family a writing system; only these are drawn for Latin text.
const NOTO_FOR_LATIN = /^Noto (Sans|Serif)( Mono| Display)?$/;

/** The fonts for writing English on this machine, in an order that does not change from run to run. */
export async function installedFonts(): Promise<Font[]> {
  const families = new Map<string, Font[]>();
  for (const line of (await fcList()).split('\n').sort()) {
    const [family = '', style = ''] = line.split('\t');
    if (family === '' || !PLAIN.test(style)) continue;
    const font = { family, bold: style.includes('Bold'), italic: /Italic|Oblique/.test(style) };
    const known = families.get(family) ?? [];
    if (!known.some((other) => other.bold === font.bold && other.italic === font.italic)) known.push(font);
    families.set(family, known);
  }
  let chosen = wanted.map(({ family }) => family).filter((family) => families.has(family));
  if (chosen.length < FEWEST_FAMILIES) {
    const others = [...families.keys()].filter(
      (family) =>
        !chosen.includes(family) &&
        !NOT_FOR_TEXT.test(family) &&
        (!family.startsWith('Noto') || NOTO_FOR_LATIN.test(family)),
    );
    chosen = [...chosen, ...spread(others, MOST_FAMILIES - chosen.length)];
  }
  if (chosen.length === 0) {
    throw new Error(
      'no font for English text was found: install one, e.g. apt-get install fonts-dejavu-core fonts-liberation',
    );
  }
  return chosen.flatMap((family) => families.get(family) ?? []);
}

/** Takes one family of each maker ("Liberation ...", "DejaVu ...") in turn, so that a big collection cannot crowd out the rest. */
function spread(families: readonly string[], most: number): string[] {
  const makers = new Map<string, string[]>();
  for (const family of families) {
    const maker = family.split(' ')[0] ?? family;
    makers.set(maker, [...(makers.get(maker) ?? []), family]);
  }
  const chosen: string[] = [];
  for (let round = 0; chosen.length < Math.min(most, families.length); round++) {
    for (const members of makers.values()) {
      const family = members[round];
      if (family !== undefined && chosen.length < most) chosen.push(family);
    }
  }
  return chosen;
}

async function fcList(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('fc-list', [
      ':lang=en:scalable=true',
      '--format',
      '%{family[0]}\t%{style[0]}\n',
    ]);
    return stdout;
  } catch (cause) {
    throw new Error(
      'fc-list could not list the fonts: install fontconfig (Debian, Ubuntu: apt-get install fontconfig)',
      { cause },
    );
  }
}
