// What the pictures say: the kinds of line that OCR meets in the world (prices, addresses, codes, signs, sentences),
// spelt only with characters that the recognition model's dictionary has.

import type { Chance } from '../seeded.js';

const SENTENCES = [
  'The harbour was quiet at dawn',
  'Please keep this door closed',
  'Fresh coffee every morning',
  'Mind the gap between the trains',
  'No parking in front of gate',
  'Turn left after the old mill',
  'Handle with care, glass inside',
  'Open daily, closed on Mondays',
  'A quick brown fox jumps over',
  'Rain is expected later today',
  'Return this form by Friday',
  'Thank you for your patience',
  'The museum opens in an hour',
  'Store in a cool, dry place',
  'Two tickets to the north coast',
  'Shake well before opening',
  'Caution: floor may be wet',
  'Platform four, all stations',
  'Made by hand in small batches',
  'Every page tells another story',
  'Warm bread and salted butter',
  'Keep out of reach of children',
  'Is this seat taken?',
  'Last entry half an hour before closing',
];
const STREETS = [
  'Baker Street',
  'Mill Lane',
  'Harbour Road',
  'Station Avenue',
  'Church Hill',
  'Castle Square',
  'Elm Grove',
];
const TOWNS = ['Leeds', 'Oxford', 'Bristol', 'York', 'Dover', 'Galway', 'Perth', 'Boston'];
const GOODS = [
  'Espresso',
  'Olive oil 1 L',
  'Rye bread',
  'Green tea',
  'Tomato soup',
  'Apple juice',
  'Dark chocolate',
  'Day ticket',
];
const NAMES = ['anna', 'tom.reed', 'sales', 'info', 'j.moore', 'support', 'maria', 'press'];
const PLACES = ['northwind', 'millhouse', 'bluefield', 'oakandpine', 'harbourline', 'papertrail'];
const MONTHS = ['January', 'March', 'April', 'June', 'August', 'October', 'December'];

const CAPITALS = 'ABCDEFGHJKLMNPRSTUVWXYZ';

export type TextKind = 'sentence' | 'price' | 'address' | 'code' | 'date' | 'contact' | 'number';

export interface Line {
  readonly kind: TextKind;
  readonly text: string;
}

/** `count` lines of every kind in turn, no two alike. */
export function lines(count: number, from: Chance): Line[] {
  const sentences = from.shuffle(SENTENCES);
  const makers: Record<TextKind, () => string> = {
    sentence: () => sentences.pop() ?? `${from.pick(SENTENCES)} (${from.whole(2, 99)})`,
    price: () => price(from),
    address: () => address(from),
    code: () => code(from),
    date: () => date(from),
    contact: () => contact(from),
    number: () => figures(from),
  };
  // Sentences come round more often: they are what most pictures of text hold.
  const order: TextKind[] = [
    'sentence',
    'price',
    'sentence',
    'address',
    'code',
    'sentence',
    'date',
    'contact',
    'number',
  ];
  const made: Line[] = [];
  const seen = new Set<string>();
  for (let turn = 0; made.length < count; turn++) {
    const kind = order[turn % order.length] ?? 'sentence';
    const text = makers[kind]();
    if (seen.has(text)) continue;
    seen.add(text);
    made.push({ kind, text });
  }
  return made;
}

function price(from: Chance): string {
  const amount = `$${from.whole(1, 89)}.${digits(from, 2)}`;
  return from.pick([
    () => `${from.pick(GOODS)} ${amount}`,
    () => `Total due: ${amount}`,
    () => `Now ${amount}, save ${from.pick([10, 15, 20, 25, 30])}%`,
    () => `${from.whole(2, 6)} for ${amount}`,
  ])();
}

function address(from: Chance): string {
  return from.pick([
    () => `${from.whole(2, 240)} ${from.pick(STREETS)}, ${from.pick(TOWNS)}`,
    () => `Unit ${from.whole(1, 40)}, ${from.whole(2, 98)} ${from.pick(STREETS)}`,
    () => `P.O. Box ${digits(from, 4)}, ${from.pick(TOWNS)}`,
  ])();
}

function code(from: Chance): string {
  return from.pick([
    () => `${letters(from, 2)}-${digits(from, 4)}-${letters(from, 1)}`,
    () => `SKU ${digits(from, 3)}-${digits(from, 4)}`,
    () => `Batch ${letters(from, 1)}${digits(from, 5)}/${digits(from, 2)}`,
    () =>
      `Gate ${letters(from, 1)}${from.whole(1, 39)}  Flight ${letters(from, 2)}${digits(from, 3)}`.replace('  ', ' '),
    () => `S/N ${digits(from, 4)} ${digits(from, 4)} ${digits(from, 2)}`,
  ])();
}

function date(from: Chance): string {
  return from.pick([
    () => `${from.whole(1, 28)} ${from.pick(MONTHS)} ${from.whole(1987, 2031)}`,
    () => `Best before ${two(from.whole(1, 28))}/${two(from.whole(1, 12))}/${from.whole(2027, 2031)}`,
    () => `Departs ${two(from.whole(5, 23))}:${two(from.whole(0, 59))} from bay ${from.whole(1, 18)}`,
    () => `Invoice of ${from.whole(2019, 2030)}-${two(from.whole(1, 12))}-${two(from.whole(1, 28))}`,
  ])();
}

function contact(from: Chance): string {
  return from.pick([
    () => `${from.pick(NAMES)}@${from.pick(PLACES)}.com`,
    () => `www.${from.pick(PLACES)}.org`,
    () => `Tel. +44 ${digits(from, 4)} ${digits(from, 3)} ${digits(from, 3)}`,
    () => `Call ${digits(from, 3)}-${digits(from, 4)}`,
  ])();
}

function figures(from: Chance): string {
  return from.pick([
    () => `Room ${from.whole(101, 940)}, floor ${from.whole(1, 9)}`,
    () => `Net weight ${from.whole(120, 980)} g`,
    () => `${from.whole(1, 9)},${digits(from, 3)},${digits(from, 3)} visitors`,
    () => `Speed limit ${from.pick([20, 30, 50, 70])} km/h`,
    () => `${from.whole(10, 99)}.${digits(from, 1)}% of ${from.whole(200, 900)} votes`,
  ])();
}

const two = (value: number): string => String(value).padStart(2, '0');
const digits = (from: Chance, count: number): string =>
  Array.from({ length: count }, () => String(from.whole(0, 9))).join('');
const letters = (from: Chance, count: number): string =>
  Array.from({ length: count }, () => from.pick([...CAPITALS])).join('');
