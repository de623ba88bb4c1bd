// How right it is: the edits (insert, delete, replace a character) that turn what was read into what is there,
// against the characters there. Case and spaces count.

/** One character of the comparison: the same in both, or read wrongly (`read`), or missing or extra. */
export interface Step {
  readonly truth: string;
  readonly read: string;
}

export interface Score {
  readonly edits: number;
  readonly characters: number;
  readonly exact: boolean;
  /** The two texts side by side, so that a page can mark what differs. */
  readonly steps: readonly Step[];
}

export function score(truth: string, read: string): Score {
  const [a, b] = [[...truth], [...read]];
  // cost[i][j]: edits from the first i characters of the truth to the first j of what was read.
  const cost: number[][] = Array.from({ length: a.length + 1 }, (_, i) => [i]);
  for (let j = 1; j <= b.length; j++) (cost[0] as number[])[j] = j;
  const of = (i: number, j: number): number => cost[i]?.[j] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      (cost[i] as number[])[j] = Math.min(of(i - 1, j - 1) + same, of(i - 1, j) + 1, of(i, j - 1) + 1);
    }
  }
  const steps: Step[] = [];
  for (let [i, j] = [a.length, b.length]; i > 0 || j > 0; ) {
    const same = i > 0 && j > 0 && a[i - 1] === b[j - 1] ? 0 : 1;
    if (i > 0 && j > 0 && of(i, j) === of(i - 1, j - 1) + same) {
      steps.push({ truth: a[--i] as string, read: b[--j] as string });
    } else if (i > 0 && of(i, j) === of(i - 1, j) + 1) {
      steps.push({ truth: a[--i] as string, read: '' });
    } else {
      steps.push({ truth: '', read: b[--j] as string });
    }
  }
  const edits = of(a.length, b.length);
  return { edits, characters: a.length, exact: edits === 0, steps: steps.reverse() };
}

/** 1 - edits / characters over all lines together, so that a long line weighs more than a short one. */
export function characterAccuracy(scores: readonly Score[]): number {
  const edits = scores.reduce((sum, one) => sum + one.edits, 0);
  const characters = scores.reduce((sum, one) => sum + one.characters, 0);
  return characters === 0 ? 0 : Math.max(0, 1 - edits / characters);
}
