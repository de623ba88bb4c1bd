// The fixed settings that the default is held against, and how the best of them is found: in short rounds that take turns, after
// each of which the worse half is dropped.

export interface Setting {
  readonly rows: number;
  readonly lanes: number;
  readonly threads: number;
}

/** One setting for each model that a request goes through. */
export type Joint = readonly Setting[];

const different = <T>(values: readonly T[]): T[] => [...new Set(values)];

/**
 * Those that can differ under so many callers: no batch has more rows than there are callers, nor have they more than one
 * lane each. What is left out would behave as one that is in.
 */
export function grid(cores: number, callers: number): Joint[] {
  const upTo = (values: number[]) => {
    const enough = values.findIndex((value) => value >= callers);
    return enough < 0 ? values : values.slice(0, enough + 1);
  };
  return upTo([1, 2, 4, 8, 16, 32]).flatMap((rows) =>
    upTo(different([1, 2, cores])).flatMap((lanes) =>
      different([1, cores]).map((threads) => [{ rows, lanes, threads }]),
    ),
  );
}

/** What someone would try by hand for detection, classifier and recognition: all alike, and only the classifier in batches. */
export function chainGrid(cores: number, callers: number): Joint[] {
  const shared = different([1, cores]).flatMap((threads) =>
    different([1, 2]).map((lanes) => ({ lanes: Math.min(lanes, callers), threads })),
  );
  const joints = shared.flatMap((own) => {
    const batches = [
      [1, 1, 1],
      [1, 8, 1],
      [1, 8, 8],
      [8, 8, 8],
    ];
    return batches.map((rows) => rows.map((most) => ({ rows: Math.min(most, callers), ...own })));
  });
  return [...new Map(joints.map((joint) => [name(joint), joint])).values()];
}

export function name(joint: Joint): string {
  const texts = joint.map(({ rows, lanes, threads }) => `rows ${rows}, lanes ${lanes}, threads ${threads}`);
  // Three that are alike are said once.
  if (different(texts).length > 1) return texts.join(' / ');
  return texts[0] ?? '';
}

export interface Tried {
  readonly joint: Joint;
  /** Requests a second, of every round that it was in. */
  readonly throughput: number[];
}

/** All that were tried, the `last` that were left first. A setting is judged by its best round: a slow spell of the machine hits any. */
export async function halve(
  joints: readonly Joint[],
  last: number,
  measure: (joint: Joint) => Promise<number>,
): Promise<Tried[]> {
  const best = ({ throughput }: Tried) => Math.max(...throughput);
  let left: Tried[] = joints.map((joint) => ({ joint, throughput: [] }));
  const dropped: Tried[] = [];
  for (let round = 0; left.length > last; round++) {
    for (const tried of round % 2 === 0 ? left : left.toReversed()) tried.throughput.push(await measure(tried.joint));
    left = left.toSorted((a, b) => best(b) - best(a));
    const kept = Math.max(last, Math.ceil(left.length / 2));
    dropped.unshift(...left.slice(kept));
    left = left.slice(0, kept);
  }
  return [...left, ...dropped];
}
