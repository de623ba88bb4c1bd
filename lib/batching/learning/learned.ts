// How many rows a batch has, how many batches run at once and how many threads a run may use, where nobody has said: what gives the most
// rows a second for the load that there is, learned while requests are answered.
//
// The rules it keeps:
// 1. For each load (how many rows are queued or running, by powers of two) there is a present setting. It begins with the most rows, and
//    when the first batches have told how long these take, with no more than take a moment; at another load, with what was best at the
//    nearest one at which anything was tried, of what this one fills (inherited.ts). What is found better at one load holds at all with the
//    same present setting, until it is tried there. One that the load does not fill any more is left for smaller batches untried: whether its
//    requests share a batch or have a lane each is chance, which stays as it is, and what a trial shows of it does not.
// 2. Another setting is tried for a few batches. What those have of the device's time for their rows is compared with what the present one
//    has for rows of the same shapes. One that is clearly better becomes the present one (trial.ts).
// 3. The smallest size is tried first, as it tells the soonest; then, where there are many lanes, all of them on one thread each, and one on
//    all threads; then, where batches take more than a moment, other lanes and threads with single rows, and at once with larger batches where
//    those are far better; then sizes from the present one on, in both directions, until one is far worse; then what is next to the present
//    setting, what single rows show to be worse later. One that was not better is tried again after twice as many batches as before, or more,
//    so that trials cost less and less. Where batches take long, what single rows tell is asked again soon, since a slow moment of the machine
//    may have been all that it showed.
// 4. A batch that fails, and is run again one by one, has taken as long as all of that: so sizes for which there is no memory are left.
// 5. A trial counts at the load at which it began, and waits while that is another one: of models in a chain each has many rows and few
//    in turns.

import type { AdaptiveStats } from '../statistics/stats.js';
import type { Limits } from '../waiting/selection.js';
import { inherited } from './inherited.js';
import { type LearnedBatch, LoadLevel, longMicros } from './load-level.js';
import { type Bounds, type Cell, Surface } from './surface.js';
import { Trial, type Verdict } from './trial.js';
import type { Tuned } from './tuned.js';

/** Beyond one that takes so many times what the present one takes, none is tried in the same direction; of such as take long, less is enough. */
const farther = { usual: 1.25, long: 1.1 };
/**
 * After how many groups a setting is tried again, at first and at most; at first sooner where the trial cost little beside them: after so
 * many times what was lost by it, and after so many groups at least. One that was left for a better one after so many, once.
 */
const retryAfter = { first: 128, most: 4096, timesLost: 25, least: 4, left: 32 };
/** Whose single rows take less than so many times what the present one's take, is tried first. */
const promising = 0.75;
/** Where groups take longer than so many microseconds, single rows are tried for others. */
const slowMicros = 10_000;
/** Whether another setting is to be tried is looked at once in so many microseconds, or groups. */
const look = { micros: 5000, groups: 32 };
/** After its first batches a model goes on with no more rows than take so long, in microseconds, by what these took. */
const leapMicros = 100_000;
/** Batches at once to begin with. */
const firstAtOnce = 2;
/** By so much less does a load of the past count with each batch. */
const forgetting = 0.85;
/** What was learned in another process is questioned after so many groups. */
const tunedAfter = 256;

export class Learned implements Limits {
  readonly #surface: Surface;
  readonly #levels: (LoadLevel | undefined)[] = [];
  #level = 0;
  #at: LoadLevel;
  /** Of each load that has one. */
  readonly #trials = new Map<LoadLevel, Trial>();
  /** Rows that are queued or running, the most of late. */
  #load = 0;

  constructor(bounds: Bounds, tuned?: Tuned) {
    this.#surface = new Surface(bounds);
    for (const level of tuned?.loads ?? []) this.#take(level);
    this.#at = this.#levels[0] ??= this.#beside(0);
  }

  rowsOf(): number {
    return this.aim.rows;
  }

  get atOnce(): number {
    return this.aim.atOnce;
  }

  /** What is aimed at for now. */
  get aim(): Cell {
    return this.#trials.get(this.#at)?.aim ?? this.#at.present;
  }

  /** So many rows are queued or running. */
  asked(rows: number): void {
    if (rows <= this.#load) return;
    this.#load = rows;
    if (rows >= 2 ** (this.#level + 1)) this.#moveTo(Math.floor(Math.log2(rows)));
    this.#at.most = Math.max(this.#at.most, rows);
  }

  ended(batch: LearnedBatch): void {
    if (!(batch.micros > 0)) return; // a clock that stands still
    this.#load = Math.max(batch.pending, this.#load * forgetting);
    if (this.#load < 0.75 * 2 ** this.#level) this.#moveTo(Math.max(0, Math.floor(Math.log2(this.#load))));
    this.#at.most = Math.max(batch.pending, this.#at.most * forgetting);
    this.#leaveUnfilled();
    const trial = this.#trials.get(this.#at);
    if (trial !== undefined) {
      const verdict = trial.watch(batch);
      if (verdict !== undefined) this.#decide(trial, verdict);
    } else if (batch.aim === this.#at.present && !batch.mixed) {
      this.#at.learn(batch);
      if (this.#at.begins && this.#at.seen > 0) this.#begin(this.#at);
    }
    this.#lookFurther();
  }

  /** What is chosen and why, and what was measured at the present load. */
  stats(): AdaptiveStats {
    const { present, seen, known } = this.#at;
    const load = 2 ** this.#level;
    const measured = [
      { ...present, ratio: 1, groups: seen },
      ...Array.from(known, ([cell, { ratio, groups }]) => ({ ...cell, ratio, groups })),
    ];
    return { ...this.aim, load, why: this.#why(), measured: measured.sort((a, b) => a.ratio - b.ratio) };
  }

  /** What was learned, to begin with another time. */
  get tuned(): Tuned {
    const loads = this.#levels.flatMap((level, i) => {
      if (level === undefined || !level.isSettled) return [];
      const others = Array.from(level.known, ([cell, { ratio }]) => ({ ...cell, ratio: Number(ratio.toFixed(3)) }));
      return [{ load: 2 ** i, ...level.present, others }];
    });
    return { version: 1, loads };
  }

  #why(): string {
    const { present, isSettled, known } = this.#at;
    if (this.#trials.has(this.#at)) return `tried beside ${shownCell(present)}`;
    if (!isSettled) return 'too few batches have ended to tell';
    // What the load does not fill is known of another one.
    const others = [...known].filter(([cell]) => this.#fits(cell) || differsInThreads(cell, present));
    const next = Math.min(...others.map(([, { ratio }]) => ratio));
    if (others.length === 0) return 'the load leaves no choice';
    return `the next best of ${others.length} others takes ${next.toFixed(2)} times as long a row`;
  }

  #first(): Cell {
    const { last } = this.#surface;
    return this.#surface.find(last.rows, firstAtOnce, last.threads) ?? last;
  }

  /** What another process has learned; what this one cannot choose is passed over. */
  #take({ load, rows, atOnce, threads, others }: Tuned['loads'][number]): void {
    const present = this.#surface.find(rows, atOnce, threads);
    if (present === undefined) return;
    const level = new LoadLevel(present);
    level.hasTried = true;
    for (const { rows, atOnce, threads, ratio } of others) {
      const cell = this.#surface.find(rows, atOnce, threads);
      if (cell !== undefined) level.known.set(cell, { ratio, groups: 0, tried: 0, after: tunedAfter });
    }
    this.#levels[Math.log2(load)] = level;
  }

  #moveTo(level: number): void {
    if (level === this.#level) return;
    this.#trials.get(this.#at)?.pause();
    this.#at.forget();
    this.#level = level;
    this.#at = this.#levels[level] = this.#enter(level);
  }

  /** One at which nothing was tried yet is new, though the load has passed through it on its way up. */
  #enter(level: number): LoadLevel {
    const there = this.#levels[level];
    if (there !== undefined && (there.begins || there.hasTried || this.#trials.has(there))) return there;
    const next = this.#beside(level);
    if (there?.present !== next.present) return next;
    for (const [cell, known] of next.known) if (!there.known.has(cell)) there.known.set(cell, known);
    return there;
  }

  /** What is known of a load that is new: what was best at the nearest one. */
  #beside(level: number): LoadLevel {
    const near = this.#near(level, (one) => one.hasTried) ?? this.#near(level, () => true);
    if (near === undefined) return new LoadLevel(this.#first(), true);
    if (near.begins) return new LoadLevel(near.present, true);
    const filled = this.#filled(near.present, level);
    const larger = this.#surface.sizes(filled).filter(({ rows }) => rows > filled.rows);
    return inherited(near, filled, larger, (cell) => fits(cell, level, this.#levels[level]?.most ?? 0));
  }

  #near(level: number, isWanted: (one: LoadLevel) => boolean): LoadLevel | undefined {
    const at = (i: number) => {
      const one = this.#levels[i];
      return one !== undefined && isWanted(one) ? one : undefined;
    };
    for (let off = 1; off <= Math.max(level, this.#levels.length); off++) {
      // From above first: what a large load wants is known soonest.
      const near = at(level + off) ?? at(level - off);
      if (near !== undefined) return near;
    }
    return undefined;
  }

  #decide({ at, cell }: Trial, { groups, isBetter, lost, ...found }: Verdict): void {
    this.#trials.delete(at);
    at.hasTried = true;
    at.forget();
    const before = at.known.get(cell);
    const ratio = groups === 0 ? (before?.ratio ?? 1) : found.ratio;
    if (isBetter) {
      this.#change(at, cell, ratio);
      return;
    }
    // The worse it was, the longer it is left alone.
    const factor = ratio > 1.3 ? 8 : ratio > 1.1 ? 4 : 2;
    const first = Math.min(
      retryAfter.first,
      Math.max(retryAfter.least, (retryAfter.timesLost * lost) / at.groupMicros),
    );
    const after = Math.min(retryAfter.most, (before?.after ?? first / 2) * factor);
    at.known.set(cell, { ratio, groups, tried: at.groups, after });
  }

  /** What was found at one load holds at others with the same setting, too, until it is tried there. */
  #change(at: LoadLevel, cell: Cell, ratio: number): void {
    const { present } = at;
    for (const [level, other] of this.#levels.entries()) {
      if (other?.present !== present || !(other === at || fits(cell, level, other.most))) continue;
      this.#trials.delete(other);
      other.change(cell, ratio, retryAfter.left);
    }
  }

  /** A setting that the load does not fill any more, and what is tried beside it. */
  #leaveUnfilled(): void {
    const at = this.#at;
    // Nothing has fewer rows than one.
    if (at.present.rows === 1 || !at.isSettled || this.#fits(at.present)) return;
    const filled = this.#filled(at.present, this.#level);
    if (filled === at.present) return;
    this.#trials.delete(at);
    at.change(filled, at.known.get(filled)?.ratio ?? 1, retryAfter.left);
  }

  /** Not with every batch: where batches take little, the look itself would cost one caller more than what it finds. */
  #lookFurther(): void {
    const at = this.#at;
    if (at.groups < at.lookAt || !at.isSettled || this.#trials.has(at)) return;
    this.#tryAnother(at);
    at.lookAt = at.groups + Math.min(look.groups, Math.ceil(look.micros / at.groupMicros));
  }

  #tryAnother(at: LoadLevel): void {
    const from = at.present;
    const sizes = this.#surface.sizes(from);
    const least = sizes[0]!;
    // The least is told the soonest.
    const isLong = at.groupMicros > longMicros;
    if ((isLong || !at.known.has(least)) && this.#try(least)) return;
    const ends = this.#surface.ends(isLong ? least : from, (one) => this.#fits(one));
    if (ends.some((end) => this.#try(end))) return;
    if (at.groupMicros > slowMicros && this.#tryPromising(from, least)) return;
    for (const way of this.#surface.ways(from)) {
      let last = 1;
      for (const cell of way) {
        // Where a trial takes long, less is enough to stay away from it.
        if (last > (this.#groupMicros(cell) > longMicros ? farther.long : farther.usual)) break;
        const known = at.known.get(cell);
        if (known === undefined && this.#try(cell)) return;
        last = known?.ratio ?? 1;
      }
    }
    for (const cell of this.#surface.around(from)) {
      // One that leaves a lane idle may take twice as long.
      if (isLong && cell.atOnce < from.atOnce && this.#probed(cell, least) > farther.usual) continue;
      if (this.#seemsWorse(cell, least)) continue;
      if (this.#try(cell)) return;
    }
  }

  /** The first batches have told how long rows take: it goes on with no more of them than take a moment. */
  #begin(at: LoadLevel): void {
    const { present } = at;
    const rows = leapMicros / (at.rowMicros * present.atOnce);
    const sizes = this.#surface.sizes(present);
    const cell = sizes.findLast((one) => one.rows <= rows) ?? sizes[0]!;
    for (const [level, other] of this.#levels.entries()) {
      if (!other?.begins) continue;
      const next = new LoadLevel(this.#filled(cell, level));
      next.most = other.most;
      this.#levels[level] = next;
    }
    this.#at = this.#levels[this.#level]!;
  }

  /** Where batches take long, other lanes and threads are seen by single rows first; and tried first where those are better. */
  #tryPromising(from: Cell, least: Cell): boolean {
    const others = this.#surface.around(from).filter(({ rows }) => rows === from.rows);
    if (others.some((cell) => this.#try(this.#surface.sizes(cell)[0]!))) return true;
    return others.some((cell) => !this.#at.known.has(cell) && this.#probed(cell, least) < promising && this.#try(cell));
  }

  /** Whether single rows say that it is worse, of one that was not tried: then that is put off, larger batches for less long. */
  #seemsWorse(cell: Cell, least: Cell): boolean {
    const at = this.#at;
    const probed = this.#probed(cell, least);
    if (at.known.has(cell) || probed < farther.usual) return false;
    const after = probed > 1.5 && cell.rows <= at.present.rows ? 8 * retryAfter.left : retryAfter.left;
    const until = at.putOff.get(cell) ?? at.groups + after;
    at.putOff.set(cell, until);
    return at.groups < until;
  }

  /** How many times as long a single row takes in a setting as in the present one, as far as is known. */
  #probed(cell: Cell, least: Cell): number {
    const { known, present } = this.#at;
    const ratio = (one: Cell) => (one === present ? 1 : (known.get(one)?.ratio ?? 1));
    return ratio(this.#surface.sizes(cell)[0]!) / ratio(least);
  }

  /** What a group of a setting takes at least, more or less, if its rows take as long as the present one's. */
  #groupMicros({ rows, atOnce }: Cell): number {
    const { groupMicros, present } = this.#at;
    return (groupMicros * rows * atOnce) / (present.rows * present.atOnce);
  }

  #try(cell: Cell): boolean {
    const at = this.#at;
    if (cell === at.present || !(this.#fits(cell) || differsInThreads(cell, at.present))) return false;
    const known = at.known.get(cell);
    if (known !== undefined && at.groups - known.tried < known.after) return false;
    this.#trials.set(at, new Trial(at, cell, known?.after ?? 0));
    return true;
  }

  /** The setting, or one with smaller batches, which the load can fill. */
  #filled(cell: Cell, level: number): Cell {
    const most = this.#levels[level]?.most ?? 0;
    return this.#surface.sizes(cell).findLast((one) => one.rows <= cell.rows && fits(one, level, most)) ?? cell;
  }

  #fits(cell: Cell): boolean {
    return fits(cell, this.#level, this.#at.most);
  }
}

/** Whether a load, of which so many rows were the most, can fill its batches, more or less: three callers fit into one of four. */
const fits = ({ rows, atOnce }: Cell, level: number, most: number) =>
  rows * atOnce <= (most > 2 ** level ? 2 : 1.5) * 2 ** level;

/** In nothing else, so that the load fills its batches as well as the other's. */
const differsInThreads = (cell: Cell, other: Cell) => cell.rows === other.rows && cell.atOnce === other.atOnce;

const shownCell = ({ rows, atOnce }: Cell) => `batches of ${rows}, ${atOnce} at once`;
