// How many rows a batch has, how many batches run at once and how many threads a run may use, where nobody has said: what gives the most
// rows a second for the load that there is, learned while requests are answered.
//
// The rules it keeps:
// 1. For each load (how many rows are queued or running, by powers of two) there is a present setting. It begins with the most rows, and
//    at another load with what was best at the nearest one.
// 2. Another setting is tried for a few batches. What those took for their rows is compared with what the present one takes for rows of the
//    same shapes now. One that is clearly better becomes the present one.
// 3. The smallest size is tried first, as it tells the soonest; then sizes from the present one on, in both directions, until one is far
//    worse; then what is next to the present setting. One that was not better is tried again after twice as many batches as before, or
//    more, so that trials cost less and less. Where batches take long, a trial of a large one costs seconds: what single rows can tell is
//    asked of them, and asked again soon, since a slow moment of the machine may have been all that it showed.
// 4. A batch counts only if those beside it were aimed at the same setting.

import { emptyGroup, type Group, type Known, type LearnedBatch, LoadLevel, longMicros, weight } from './load-level.js';
import type { Limits } from './selection.js';
import type { AdaptiveStats } from './stats.js';
import { type Bounds, type Cell, Surface } from './surface.js';
import type { Tuned } from './tuned.js';

/** A setting that takes less than so many times what the present one takes is better. */
const clearly = 0.98;
/** Beyond one that takes so many times of it, none is tried in the same direction. */
const farther = 1.25;
/** A trial counts so many groups of batches, and waits for so many more at most. */
const trial = { least: 3, most: 12, patience: 12 };
/** Of groups that take little time so many are counted that they take this long together, in microseconds, but not more of them than that. */
const little = { micros: 2000, groups: 100 };
/** Of groups that take long so few are enough; and a trial of what is not better ends after so many microseconds. */
const long = { least: 1, trial: 300_000 };
/**
 * After how many groups a setting is tried again, at first and at most; at first sooner where the trial cost little beside them: after so
 * many times what was lost by it, and after so many groups at least. One that was left for a better one after so many, once. And what
 * part of them a trial may have.
 */
const retryAfter = { first: 128, most: 4096, timesLost: 25, least: 4, left: 32 };
/** A trial that shows nothing worse may have lost this part of its time. */
const leastLost = 0.1;
const mostOfRetry = { part: 1 / 6, groups: 64 };
/** After other threads were woken the system takes so many microseconds to give each a core: so many batches at most do not count. */
const placing = { micros: 10_000, batches: 200 };
/** A pause must not make a group look worse than so many times what was expected. */
const mostOfExpected = 3;
/** Batches at once to begin with. */
const firstAtOnce = 2;
/** About the standard deviation of a group's time. */
const deviation = 0.1;
/** By so much less does a load of the past count with each batch. */
const forgetting = 0.85;
/** What was learned in another process is questioned after so many groups. */
const tunedAfter = 256;

/** By how much a trial of so many groups may well be wrong. */
const doubt = (groups: number) => 2 * deviation * Math.sqrt(1 / groups + weight / 2);

interface Trial {
  readonly cell: Cell;
  /** Its first batches, until it is under way. */
  unsettled: number;
  groups: number;
  /** At least, of such as do not take long; and at most; and so many batches may end until then. */
  readonly least: number;
  readonly most: number;
  patience: number;
  group: Group;
  took: number;
  expected: number;
}

export class Learned implements Limits {
  readonly #surface: Surface;
  readonly #levels: (LoadLevel | undefined)[] = [];
  #level = 0;
  #at: LoadLevel;
  #trial: Trial | undefined;
  /** Rows that are queued or running, the most of late. */
  #load = 0;

  constructor(bounds: Bounds, tuned?: Tuned) {
    this.#surface = new Surface(bounds);
    for (const level of tuned?.loads ?? []) this.#take(level);
    this.#at = this.#levels[0] ??= new LoadLevel(this.#near(0)?.present ?? this.#first());
  }

  rowsOf(): number {
    return this.aim.rows;
  }

  get atOnce(): number {
    return this.aim.atOnce;
  }

  /** What is aimed at for now. */
  get aim(): Cell {
    return this.#trial?.cell ?? this.#at.present;
  }

  /** So many rows are queued or running. */
  asked(rows: number): void {
    if (rows <= this.#load) return;
    this.#load = rows;
    if (rows >= 2 ** (this.#level + 1)) this.#moveTo(Math.floor(Math.log2(rows)));
  }

  ended(batch: LearnedBatch): void {
    if (!(batch.micros > 0)) return; // a clock that stands still
    this.#load = Math.max(batch.pending, this.#load * forgetting);
    if (this.#load < 0.75 * 2 ** this.#level) this.#moveTo(Math.max(0, Math.floor(Math.log2(this.#load))));
    if (this.#trial !== undefined) this.#watch(this.#trial, batch);
    else if (batch.aim === this.#at.present && !batch.mixed) this.#at.learn(batch);
    if (this.#trial === undefined) this.#tryAnother();
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
    if (this.#trial !== undefined) return `tried beside ${shownCell(present)}`;
    if (!isSettled) return 'too few batches have ended to tell';
    const next = Math.min(...Array.from(known.values(), ({ ratio }) => ratio));
    if (known.size === 0) return 'the load leaves no choice';
    return `the next best of ${known.size} others takes ${next.toFixed(2)} times as long a row`;
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
    for (const { rows, atOnce, threads, ratio } of others) {
      const cell = this.#surface.find(rows, atOnce, threads);
      if (cell !== undefined) level.known.set(cell, { ratio, groups: 0, tried: 0, after: tunedAfter });
    }
    this.#levels[Math.log2(load)] = level;
  }

  #moveTo(level: number): void {
    if (level === this.#level) return;
    this.#trial = undefined;
    this.#at.forget();
    this.#level = level;
    this.#at = this.#levels[level] ??= new LoadLevel(this.#near(level)!.present);
  }

  #near(level: number): LoadLevel | undefined {
    for (let off = 1; off <= Math.max(level, this.#levels.length); off++) {
      // From above first: what a large load wants is known soonest.
      const near = this.#levels[level + off] ?? this.#levels[level - off];
      if (near !== undefined) return near;
    }
    return undefined;
  }

  #watch(tried: Trial, batch: LearnedBatch): void {
    const at = this.#at;
    if (batch.aim !== tried.cell || !batch.mixed) tried.patience--;
    if (batch.aim === tried.cell && !batch.mixed && tried.unsettled-- <= 0 && at.add(tried.group, batch)) {
      at.groups++;
      tried.groups++;
      tried.took += Math.min(tried.group.took, mostOfExpected * tried.group.expected);
      tried.expected += tried.group.expected;
      tried.group = emptyGroup();
      if (isOver(tried)) this.#decide(tried);
    }
    if (tried.patience <= 0 && this.#trial === tried) this.#decide(tried);
  }

  #decide({ cell, groups, took, expected }: Trial): void {
    this.#trial = undefined;
    const at = this.#at;
    at.forget();
    const before = at.known.get(cell);
    const ratio = groups === 0 ? (before?.ratio ?? 1) : took / expected;
    if (groups > 0 && ratio < Math.min(clearly, 1 - doubt(groups) / 2)) {
      at.change(cell, ratio, retryAfter.left);
      return;
    }
    // The worse it was, the longer it is left alone.
    const factor = ratio > 1.3 ? 8 : ratio > 1.1 ? 4 : 2;
    const lost = Math.max(took - expected, leastLost * took) / at.groupMicros;
    const first = Math.min(retryAfter.first, Math.max(retryAfter.least, retryAfter.timesLost * lost));
    const after = Math.min(retryAfter.most, (before?.after ?? first / 2) * factor);
    at.known.set(cell, { ratio, groups, tried: at.groups, after });
  }

  #tryAnother(): void {
    const at = this.#at;
    if (!at.isSettled) return;
    const from = this.#filled(at.present);
    if (this.#try(from)) return;
    // The least is told the soonest.
    const least = this.#surface.sizes(from)[0]!;
    const isLong = at.groupMicros > longMicros;
    if ((isLong || !at.known.has(least)) && this.#try(least)) return;
    for (const way of this.#surface.ways(from)) {
      for (const cell of way) {
        const known = at.known.get(cell);
        if (known === undefined && this.#try(cell)) return;
        if (known !== undefined && known.ratio > farther) break;
      }
    }
    for (const cell of this.#surface.around(from)) {
      // One that leaves a lane idle may take twice as long: where that is long, it is seen by single rows first.
      if (isLong && cell.atOnce < from.atOnce) {
        const probe = this.#surface.sizes(cell)[0]!;
        if (this.#try(probe)) return;
        if ((at.known.get(probe)?.ratio ?? 1) > farther * (at.known.get(least)?.ratio ?? 1)) continue;
      }
      if (this.#try(cell)) return;
    }
  }

  #try(cell: Cell): boolean {
    const at = this.#at;
    if (cell === at.present || !(this.#fits(cell) || differsInThreads(cell, at.present))) return false;
    const known: Known | undefined = at.known.get(cell);
    if (known !== undefined && at.groups - known.tried < known.after) return false;
    const least = Math.max(trial.least, Math.min(little.groups, Math.ceil(little.micros / at.groupMicros)));
    const most = Math.max(trial.most, least, Math.min(mostOfRetry.groups, mostOfRetry.part * (known?.after ?? 0)));
    const isPlaced = cell.threads === at.present.threads;
    const placed = isPlaced ? 0 : Math.ceil(placing.micros / at.groupMicros) * cell.atOnce;
    const unsettled = Math.max(cell.atOnce, at.present.atOnce, Math.min(placing.batches, placed));
    const patience = unsettled + (most + trial.patience) * cell.atOnce;
    this.#trial = { cell, unsettled, groups: 0, least, most, patience, group: emptyGroup(), took: 0, expected: 0 };
    return true;
  }

  /** The setting, or one with smaller batches, which the load can fill. */
  #filled(cell: Cell): Cell {
    return this.#surface.sizes(cell).findLast((one) => one.rows <= cell.rows && this.#fits(one)) ?? cell;
  }

  /** Whether the load can fill its batches, more or less. */
  #fits({ rows, atOnce }: Cell): boolean {
    return rows * atOnce <= 1.5 * 2 ** this.#level;
  }
}

/** In nothing else, so that the load fills its batches as well as the other's. */
const differsInThreads = (cell: Cell, other: Cell) => cell.rows === other.rows && cell.atOnce === other.atOnce;

const shownCell = ({ rows, atOnce }: Cell) => `batches of ${rows}, ${atOnce} at once`;

function isOver({ groups, least, most, took, expected }: Trial): boolean {
  if (groups >= most) return true;
  if (groups < (took / groups > longMicros ? long.least : least)) return false;
  return (took > long.trial && took > expected) || Math.abs(took / expected - 1) > doubt(groups);
}
