// What a suite is, and what it hands in: figures.

import { median } from './stats.js';

export type Verdict = 'ok' | 'short' | 'info' | 'not comparable' | 'skipped';

export interface Target {
  readonly is: '>=' | '<=';
  readonly value: number;
}

export interface Figure {
  readonly suite: string;
  readonly name: string;
  readonly unit: string;
  readonly median: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** How many rounds, or samples, the median is over. */
  readonly samples: number;
  readonly target: Target | null;
  readonly verdict: Verdict;
  readonly remark: string | null;
}

export interface FigureOptions {
  readonly target?: Target;
  readonly remark?: string;
  /** Why the figure is shown but must not be held against its target. */
  readonly notComparable?: string;
}

export interface Suite {
  readonly name: string;
  readonly about: string;
  /** The figures that must come out of a run; a suite that loses one fails. */
  readonly figures: readonly string[];
  run(context: Context): Promise<void>;
}

/** What a suite gets while it runs. */
export class Context {
  readonly figures: Figure[] = [];
  readonly versions: Record<string, string> = {};
  /** What a reader may want of the results file besides the figures. */
  details: unknown;

  constructor(
    readonly suite: string,
    /** Few rounds: it only shows that everything still works. */
    readonly short: boolean,
    readonly log: (line: string) => void,
    /** Another build of the addon, for a suite that measures it beside the one that is loaded. */
    readonly otherAddon?: string,
  ) {}

  /** `rounds` in a full run, `fewer` in a short one. */
  rounds(rounds: number, fewer: number): number {
    return this.short ? fewer : rounds;
  }

  add(name: string, unit: string, samples: readonly number[], options: FigureOptions = {}): void {
    if (samples.length === 0 || samples.some((sample) => !Number.isFinite(sample))) {
      throw new Error(`${this.suite}: "${name}" was not measured (samples: ${samples.join(', ') || 'none'})`);
    }
    const { target, remark, notComparable } = options;
    const middle = median(samples);
    const verdict = notComparable !== undefined ? 'not comparable' : judge(middle, target);
    const remarks = [notComparable, remark].filter((text) => text !== undefined);
    this.#push({
      suite: this.suite,
      name,
      unit,
      median: middle,
      min: Math.min(...samples),
      max: Math.max(...samples),
      samples: samples.length,
      target: target ?? null,
      verdict,
      remark: remarks.length > 0 ? remarks.join('; ') : null,
    });
  }

  /** A figure that cannot be measured here, for a reason that is no fault of the library. */
  skip(name: string, unit: string, remark: string): void {
    const none = { median: null, min: null, max: null, samples: 0, target: null };
    this.#push({ suite: this.suite, name, unit, ...none, verdict: 'skipped', remark });
  }

  #push(figure: Figure): void {
    this.figures.push(figure);
    const value = figure.median === null ? '' : ` ${figure.median.toPrecision(4)} ${figure.unit}`;
    this.log(`${figure.name}:${value} (${figure.verdict})`);
  }
}

function judge(value: number, target: Target | undefined): Verdict {
  if (target === undefined) return 'info';
  const met = target.is === '>=' ? value >= target.value : value <= target.value;
  return met ? 'ok' : 'short';
}
