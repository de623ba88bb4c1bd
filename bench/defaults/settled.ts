// When a server had got to where it should be, from how many answers it gave in each short span of time.

export interface Spans {
  readonly spanMs: number;
  /** Answers in each span, one after the other. */
  readonly answers: readonly number[];
}

/**
 * Milliseconds until the first moment from which on `windowMs` have an average of at least `wanted` answers a second. Where none
 * has, all of the time: it was not less.
 */
export function settledAfter({ spanMs, answers }: Spans, windowMs: number, wanted: number): number {
  const width = Math.max(1, Math.round(windowMs / spanMs));
  for (let from = 0; from + width <= answers.length; from++) {
    const sum = answers.slice(from, from + width).reduce((total, count) => total + count, 0);
    if ((sum / (width * spanMs)) * 1000 >= wanted) return from * spanMs;
  }
  return answers.length * spanMs;
}
