// The table of docs/accuracy.md, between two comments: a row for each operation, kind of matrix and measure, the worst over all sizes.
//   <!-- accuracy -->
//   <!-- end of accuracy -->

export interface Case {
  readonly name: string;
  readonly operation: 'svd' | 'eigh' | 'qr' | 'cholesky' | 'solve' | 'inv' | 'lstsq';
  readonly kind: string;
  readonly n: number;
  readonly type: 'float32' | 'float64';
  readonly dims: readonly number[];
  /** Of the right-hand sides, where the operation has some. */
  readonly sides: readonly number[] | null;
}

/** By measure. */
export type Errors = Readonly<Record<string, number>>;

export interface Told {
  readonly case: Case;
  readonly tensorlane: Errors;
  readonly numpy: Errors;
  /** The relative error of each singular value, the largest first, for some. */
  readonly 'tensorlane values'?: readonly number[];
  readonly 'numpy values'?: readonly number[];
}

const TYPES = ['float32', 'float64'] as const;
const place = /(<!-- accuracy -->\n)[\s\S]*?(<!-- end of accuracy -->)/;

/** The largest, of one measure or of all; NaN where one is. */
export function worst(errors: readonly Errors[], measure?: string): number {
  const all = errors.flatMap((one) => Object.entries(one));
  return Math.max(...all.flatMap(([name, error]) => (measure === undefined || name === measure ? [error] : [])));
}

export function filledPage(page: string, told: readonly Told[], versions: string): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const head = ['operation', 'matrices', 'measure', ...TYPES.flatMap((type) => [type, 'numpy'])];
  const groups = new Map<string, [Told, ...Told[]]>();
  for (const one of told) {
    const { operation, kind } = one.case;
    const name = `${operation} ${kind}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [one]);
    else group.push(one);
  }
  const rows = [...groups.values()].flatMap((group) => {
    const [{ case: about }] = group;
    const measures = new Set(group.flatMap(({ tensorlane }) => Object.keys(tensorlane)));
    return [...measures].map((measure) => {
      const cells = TYPES.flatMap((type) => {
        const same = group.filter(({ case: one }) => one.type === type);
        return [same.map((one) => one.tensorlane), same.map((one) => one.numpy)];
      });
      const errors = cells.map((cell) => shown(worst(cell, measure)));
      return line([`\`${about.operation}\``, about.kind, measure, ...errors]);
    });
  });
  const table = [line(head), line(head.map(() => '---')), ...rows].join('\n');
  return page.replace(place, (_, begin: string, end: string) => `${begin}\n${versions}.\n\n${table}\n\n${end}`);
}

function shown(value: number): string {
  return value < 1000 ? Number(value.toPrecision(2)).toString() : value.toExponential(0);
}
