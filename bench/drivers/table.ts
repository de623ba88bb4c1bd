// native/device/driver_table.h: which of its constants measurements give, and the file with them.

/** How many times as long one way takes as the other, for matrices of a size; above 1 the first one is to be taken. */
export interface Ratio {
  readonly size: number;
  readonly ratio: number;
}

/** What was measured together, by one machine. */
export interface Measured {
  readonly part: 'CPU' | 'CUDA';
  /** The machine, and with what. */
  readonly by: string;
  readonly constants: Readonly<Record<string, number>>;
}

/** Less than this is no gain that is worth a limit: what is measured differs by as much from one time to the next. */
const GAIN = 1.05;

/** The largest size up to which the first way is the quicker one at each that was tried; 0 where it is so at none. */
export function lastGain(ratios: readonly Ratio[]): number {
  let last = 0;
  for (const { size, ratio } of [...ratios].sort((a, b) => a.size - b.size)) {
    if (ratio < 1) break;
    last = size;
  }
  return last;
}

/** The least size from which on it is by GAIN; undefined where it is not so at the largest. */
export function firstGain(ratios: readonly Ratio[]): number | undefined {
  let first: number | undefined;
  for (const { size, ratio } of [...ratios].sort((a, b) => b.size - a.size)) {
    if (ratio < GAIN) break;
    first = size;
  }
  return first;
}

/** The header with these. Errors: where it has no constant of a name. */
export function filledTable(header: string, { part, by, constants }: Measured): string {
  let text = header.replace(new RegExp(`^// ${part}: .*$`, 'm'), `// ${part}: ${by}`);
  if (!text.includes(`// ${part}: ${by}\n`)) throw new Error(`the table says nothing of the ${part}`);
  for (const [name, value] of Object.entries(constants)) {
    const line = new RegExp(`(constexpr std::int64_t ${name} = )[\\d']+;`);
    if (!line.test(text)) throw new Error(`the table has no ${name}`);
    text = text.replace(line, `$1${digits(value)};`);
  }
  return text;
}

/** As C++ has it, in groups of three from 10,000 on. */
function digits(value: number): string {
  return value < 10_000 ? String(value) : String(value).replace(/\B(?=(\d{3})+$)/g, "'");
}
