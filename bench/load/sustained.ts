// Which rate a server can sustain, found from a few rates given and some between them.

import type { LoadPoint } from './chart.js';
import type { Summary } from './summary.js';

/** It keeps up: nearly all that is offered is answered, and within a time that a caller might wait. */
export function isSustained({ offered, achieved, latencyMs, counts }: Summary): boolean {
  const { answered, unanswered, unsent, shed, failed } = counts;
  if (unanswered + unsent + failed > 0 || !(latencyMs.p95 < 1000)) return false;
  // A few more may be on their way at the end than there were at the beginning, which says something only where it adds up.
  const aFew = (3 * offered) / (answered + shed);
  return achieved >= 0.97 * offered - aFew;
}

export interface Sustained {
  /** The highest rate that was sustained; 0 if none was. */
  readonly rate: number;
  /** The lowest above it that was not, and by which the server has collapsed; undefined if every rate was sustained. */
  readonly collapse: number | undefined;
}

/** By the points measured so far, of one way of serving. */
export function sustainedRate(points: readonly LoadPoint[]): Sustained {
  const good = Math.max(0, ...points.filter(({ sustained }) => sustained).map(({ rate }) => rate));
  const above = points.filter(({ rate }) => rate > good).map(({ rate }) => rate);
  return { rate: good, collapse: above.length > 0 ? Math.min(...above) : undefined };
}

/** The rate to try next, between the highest that is sustained and the collapse; undefined when they are close enough. */
export function nextRate({ rate, collapse }: Sustained): number | undefined {
  if (collapse === undefined || collapse <= 1.1 * rate || collapse < 2) return undefined;
  return Math.round(rate === 0 ? collapse / 2 : Math.sqrt(rate * collapse));
}
