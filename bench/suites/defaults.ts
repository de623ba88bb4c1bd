import { availableParallelism } from 'node:os';
import { Child } from '../../lib/cli/load/child.js';
import type { Course } from '../defaults/course.js';
import { chainGrid, grid, halve, type Joint, name, type Tried } from '../defaults/grid.js';
import { settledAfter } from '../defaults/settled.js';
import { CHAIN, SINGLE, type Subject } from '../defaults/subjects.js';
import type { DefaultsWorker } from '../load/defaults-worker.js';
import { maxAbsError, median, ratios } from '../stats.js';
import type { Context, Suite } from '../suite.js';

/** From the most callers to one: so the first tells what the model can do. */
const CALLERS = [64, 8, 2, 1] as const;
/** A short run has one caller and one setting, after answers to requests that come at once; and is content with one answer. */
const SHORT_CALLERS = [1] as const;
const SHORT_REQUESTS = 4;
/** How long the default is under a load before it is measured, and how long it may take to settle. */
const SETTLING_MS = 3000;
const SPAN_MS = 50;
/** Different requests whose answers are looked at, sent all at once. */
const REQUESTS = 16;
/** Of fewer answers nothing can be told. */
const FEWEST = 4;
const DEFAULT = 'default';
const AT_LEAST = { is: '>=', value: 0.95 } as const;
const AT_MOST = { is: '<=', value: 1.05 } as const;

const throughputAt = (subject: string, callers: number) =>
  `${subject}, ${callers} ${callers === 1 ? 'caller' : 'callers'}: throughput against the best fixed setting`;
const latencyOf = (subject: string) => `${subject}, 1 caller: latency against the best fixed setting`;
const openOf = (subject: string) =>
  `${subject}, open loop at half the capacity: answered against the best fixed setting`;
const settledOf = (subject: string) => `${subject}: settled after`;
const changeOf = (subject: string, callers: number) => `${subject}: settled after a change to ${callers} callers`;
const required = (subject: string) => [throughputAt(subject, 1), latencyOf(subject), settledOf(subject)];

/** Without options, as good as the best setting that could have been found by hand: for every model, under every load. */
export const defaults: Suite = {
  name: 'defaults',
  about: 'no options against the best of a grid of rows, lanes and threads, for models of all kinds under all loads',
  figures: [...SINGLE, CHAIN]
    .flatMap((subject) => required(subject.name))
    .concat('worst throughput of all', 'worst latency of one caller'),
  async run(context) {
    const script = new URL('../load/defaults-worker.ts', import.meta.url);
    const tables: Record<string, Table> = {};
    context.details = tables;
    const sides = {
      fixed: new Child<DefaultsWorker>(script, 'fixed settings'),
      default: new Child<DefaultsWorker>(script, 'default'),
    };
    try {
      for (const subject of [...SINGLE, CHAIN]) {
        await Promise.all([sides.fixed.call('clear', undefined), sides.default.call('clear', undefined)]);
        tables[subject.name] = await new Comparison(subject, sides, context).run();
      }
    } finally {
      await sides.fixed.close();
      await sides.default.close();
    }
    const middle = (wanted: (figure: string) => boolean) =>
      context.figures.flatMap((figure) => (wanted(figure.name) && figure.median !== null ? [figure.median] : []));
    const throughputs = middle((figure) => /(throughput|answered) against/.test(figure));
    context.add('worst throughput of all', 'x', [Math.min(...throughputs)], { target: AT_LEAST });
    context.add(
      'worst latency of one caller',
      'x',
      [Math.max(...middle((figure) => figure.includes('latency against')))],
      {
        target: AT_MOST,
      },
    );
  },
};

/** What the results file keeps of a subject. */
interface Table {
  readonly loads: Record<string, LoadTable>;
  readonly course: Course;
}

interface LoadTable {
  /** The best first; a setting that was dropped early has fewer rounds. Requests a second. */
  readonly tried: readonly { readonly setting: string; readonly throughput: readonly number[] }[];
  readonly default: readonly number[];
  /** What the default aimed at when each of its rounds ended: a setting, or a trial of one. */
  readonly aims: readonly string[];
  readonly best: string;
}

interface Sides {
  readonly fixed: Child<DefaultsWorker>;
  readonly default: Child<DefaultsWorker>;
}

type Round = Awaited<ReturnType<DefaultsWorker['closedLoop']>>;

interface Best {
  readonly joint: Joint;
  readonly throughput: number;
}

class Comparison {
  readonly #loaded = new Set<string>();
  readonly #steps;
  readonly #loads: Record<string, LoadTable> = {};

  constructor(
    readonly subject: Subject,
    readonly sides: Sides,
    readonly context: Context,
  ) {
    this.#steps = subject.steps(context.short);
  }

  async run(): Promise<Table> {
    const { context } = this;
    await this.sides.default.call('load', { key: DEFAULT, steps: this.#steps });
    await this.#checkAnswers();
    const best = new Map<number, Best>();
    for (const callers of context.short ? SHORT_CALLERS : CALLERS) best.set(callers, await this.#load(callers));
    if (!context.short) await this.#openLoop(best);
    const course = await this.#course(best);
    return { loads: this.#loads, course };
  }

  /** A fast wrong answer is worth nothing. */
  async #checkAnswers(): Promise<void> {
    const alone: Joint = this.#steps.map(() => ({ rows: 1, lanes: 1, threads: 1 }));
    const count = this.context.rounds(REQUESTS, SHORT_REQUESTS);
    const expected = await this.sides.fixed.call('answers', { key: await this.#key(alone), count });
    const answers = await this.sides.default.call('answers', { key: DEFAULT, count });
    for (const [i, answer] of answers.entries()) {
      const error = maxAbsError(answer, expected[i] ?? []);
      if (error > 1e-4) throw new Error(`${this.subject.name}: request ${i} got an answer that is off by ${error}`);
    }
  }

  /** Loads it where it is not. */
  async #key(joint: Joint): Promise<string> {
    const key = name(joint);
    if (!this.#loaded.has(key)) await this.sides.fixed.call('load', { key, steps: this.#steps, joint });
    this.#loaded.add(key);
    return key;
  }

  async #load(callers: number): Promise<Best> {
    const { context, sides } = this;
    const joints = this.#grid(callers);
    const fewest = context.rounds(FEWEST, 1);
    let most = 0;
    const measureFixed = async (joint: Joint, ms: number): Promise<Round> => {
      const key = await this.#key(joint);
      // All callers have been answered once, and are once more: of a slow model less would tell nothing.
      const turn = most === 0 || context.short ? 0 : (1000 * callers) / most;
      const round = await sides.fixed.call('closedLoop', {
        key,
        callers,
        warmupMs: Math.max(20, turn / 2),
        ms: Math.max(ms, turn),
        fewest,
      });
      most = Math.max(most, round.throughput);
      return round;
    };
    const tried = await halve(
      joints,
      2,
      async (joint) => (await measureFixed(joint, context.rounds(120, 30))).throughput,
    );
    const finalists = tried.slice(0, 2);

    // The default learns while it is under this load.
    if (!context.short) {
      await sides.default.call('closedLoop', { key: DEFAULT, callers, warmupMs: 0, ms: SETTLING_MS, fewest });
    }
    const ours: Round[] = [];
    const aims: string[] = [];
    const theirs = finalists.map((): Round[] => []);
    const ms = context.rounds(400, 50);
    const turn = () => (context.short ? 20 : Math.max(50, most === 0 ? 0 : (500 * callers) / most));
    for (let round = 0; round < context.rounds(4, 1); round++) {
      const measures = [
        async () => {
          const long = Math.max(ms, 2 * turn());
          const load = { key: DEFAULT, callers, warmupMs: turn(), ms: long, fewest };
          ours.push(await sides.default.call('closedLoop', load));
          aims.push(await sides.default.call('aim', DEFAULT));
        },
        ...finalists.map(({ joint }, i) => async () => {
          theirs[i]?.push(await measureFixed(joint, ms));
        }),
      ];
      for (const measure of round % 2 === 0 ? measures : measures.toReversed()) await measure();
    }
    return this.#report(callers, tried, ours, aims, theirs);
  }

  #grid(callers: number): Joint[] {
    if (this.context.short) return [this.#steps.map(() => ({ rows: 1, lanes: 1, threads: 1 }))];
    const cores = availableParallelism();
    return this.subject === CHAIN ? chainGrid(cores, callers) : grid(cores, callers);
  }

  #report(
    callers: number,
    tried: readonly Tried[],
    ours: readonly Round[],
    aims: readonly string[],
    theirs: readonly (readonly Round[])[],
  ): Best {
    const { context, subject } = this;
    const rate = (rounds: readonly Round[]) => rounds.map(({ throughput }) => throughput);
    const p50 = (rounds: readonly Round[]) => rounds.map((round) => round.p50);
    const winner = theirs.reduce(
      (best, rounds, i) => (median(rate(rounds)) > median(rate(theirs[best] ?? [])) ? i : best),
      0,
    );
    const [{ joint }, rounds] = [tried[winner] as Tried, theirs[winner] as readonly Round[]];
    const remark = `the best: ${name(joint)}, ${Math.round(median(rate(rounds)))}/s; the default ${Math.round(median(rate(ours)))}/s`;
    context.add(throughputAt(subject.name, callers), 'x', ratios(rate(ours), rate(rounds)), {
      target: AT_LEAST,
      remark,
    });
    if (callers === 1) {
      const fastest = theirs.toSorted((a, b) => median(p50(a)) - median(p50(b)))[0] ?? rounds;
      context.add(latencyOf(subject.name), 'x', ratios(p50(ours), p50(fastest)), { target: AT_MOST });
    }
    this.#loads[`${callers} callers`] = {
      tried: tried.map((one, i) => ({
        setting: name(one.joint),
        throughput: [...one.throughput, ...rate(theirs[i] ?? [])],
      })),
      default: rate(ours),
      aims,
      best: name(joint),
    };
    return { joint, throughput: median(rate(rounds)) };
  }

  /** Callers who do not wait for each other, at half of what the best fixed setting can do, which every good one keeps up with. */
  async #openLoop(best: ReadonlyMap<number, Best>): Promise<void> {
    const { context, subject, sides } = this;
    const rate = (best.get(64) as Best).throughput / 2;
    const keys = [
      ...new Set([await this.#key((best.get(64) as Best).joint), await this.#key((best.get(1) as Best).joint)]),
    ];
    const run = (side: Sides['fixed'], key: string, ms: number, seed: number) =>
      side.call('openLoop', { key, rate, warmupMs: 100, ms, seed });
    await run(sides.default, DEFAULT, SETTLING_MS, 1);
    const ours: Awaited<ReturnType<typeof run>>[] = [];
    const theirs = keys.map((): typeof ours => []);
    for (let round = 0; round < 2; round++) {
      ours.push(await run(sides.default, DEFAULT, 1200, 10 + round));
      for (const [i, key] of keys.entries()) theirs[i]?.push(await run(sides.fixed, key, 1200, 10 + round));
    }
    const failure = [...ours, ...theirs.flat()].find(({ counts }) => counts.failed > 0)?.failure;
    if (failure !== undefined) throw new Error(`${subject.name}: a request failed: ${failure}`);
    const answered = (rounds: typeof ours) => rounds.map(({ achieved }) => achieved);
    const p50 = (rounds: typeof ours) => rounds.map(({ latencyMs }) => latencyMs.p50);
    const winner = theirs.reduce((a, b) => (median(answered(b)) > median(answered(a)) ? b : a));
    context.add(openOf(subject.name), 'x', ratios(answered(ours), answered(winner)), { target: AT_LEAST });
    const quickest = theirs.reduce((a, b) => (median(p50(b)) < median(p50(a)) ? b : a));
    context.add(
      `${subject.name}, open loop at half the capacity: p50 against the best fixed setting`,
      'x',
      ratios(p50(ours), p50(quickest)),
    );
  }

  /** A model that was just loaded, under load from its first moment, and then under changing load. */
  async #course(best: ReadonlyMap<number, Best>): Promise<Course> {
    const { context, subject, sides } = this;
    const key = 'just loaded';
    await sides.default.call('drop', DEFAULT);
    await sides.default.call('load', { key, steps: this.#steps });
    const settling = { callers: context.rounds(CALLERS[0], SHORT_CALLERS[0]), ms: context.rounds(4000, 100) };
    const changes = context.short ? [] : [8, 64, 1].map((callers) => ({ callers, ms: 2000 }));
    const phases = [settling, ...changes];
    const answers = await sides.default.call('phases', { key, phases, spanMs: SPAN_MS });
    for (const [i, { callers, ms }] of phases.entries()) {
      const there = (best.get(callers) as Best).throughput;
      // Of a slow model so many answers that batches of them do not matter.
      const windowMs = Math.min(ms / 2, Math.max(500, (2000 * callers) / there));
      const after = settledAfter({ spanMs: SPAN_MS, answers: answers[i] ?? [] }, windowMs, AT_LEAST.value * there);
      const limit = i === 0 ? SETTLING_MS : 1000;
      const figure = i === 0 ? settledOf(subject.name) : changeOf(subject.name, callers);
      context.add(figure, 's', [after / 1000], {
        // A short run is over before that, settled or not.
        ...(context.short ? {} : { target: { is: '<=', value: limit / 1000 } }),
        remark: `until ${(windowMs / 1000).toFixed(1)} s have 0.95 of the best fixed setting's throughput`,
      });
    }
    const courses = phases.map(({ callers }, i) => ({
      callers,
      best: (best.get(callers) as Best).throughput,
      answers: answers[i] ?? [],
    }));
    return { spanMs: SPAN_MS, phases: courses };
  }
}
