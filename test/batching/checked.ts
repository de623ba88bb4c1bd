// A batcher beside a model of it: what was asked of it, and what therefore has to hold after every step. The first thing that
// does not hold is kept, since much of this runs inside the batcher, which would take an exception for the executor's.

import type { BatcherOptions, BatcherSettings } from '../../lib/batching/options.js';
import type { Batch } from '../../lib/batching/running/executor.js';
import { Failure } from '../../lib/batching/running/executor.js';
import type { Limiter } from '../../lib/batching/running/limiter.js';
import { type FakeClock, setUp } from './fake.js';

interface Asked {
  readonly index: number;
  readonly key: string;
  readonly rows: number;
  readonly alone: boolean;
  readonly level: number;
  readonly arrived: number;
  /** How long it may be queued, and when it is to be answered at the latest. */
  readonly timeout: number;
  readonly deadline: number;
  readonly controller: AbortController | undefined;
  readonly abortWhileRunning: boolean;
  /** Those before it in its sequence. */
  readonly before: readonly Asked[];
  /** When it came into the queue of its key, and as which; undefined while it waits for its turn. */
  entered: number | undefined;
  place: number;
  started: boolean;
  /** Its signal was aborted before any of it had started, or when that was to cancel it anyway. */
  cancelled: boolean;
  outcome: string | Failure | undefined;
}

export interface Ask {
  rows: number;
  key: string;
  level: number;
  timeout: number | undefined;
  deadline: number | undefined;
  alone: boolean;
  cancellable: boolean;
  abortWhileRunning: boolean;
  /** One of two sequences. */
  sequence: 0 | 1 | undefined;
}

/** Of one sequence. */
interface Line {
  readonly requests: Asked[];
  last: Promise<unknown> | undefined;
}

/** How many of a sequence may wait for their turn. */
const maxWaiting = 3;

export class Checked {
  broken: string | undefined;
  readonly fake;
  readonly #settings: BatcherSettings;
  readonly #clock: FakeClock;
  readonly #limited: boolean;
  readonly #asked: Asked[] = [];
  /** Those of which nothing has started. */
  readonly #queued = new Set<Asked>();
  /** Items that the executor fails whenever they run. */
  readonly #bad = new Set<string>();
  /** Those that a later one passed, which may only be because they are given up already, and their callers not told yet. */
  readonly #passed = new Map<Asked, Asked>();
  /** Keys of which a batch has ended. */
  readonly #known = new Set<string>();
  readonly #sequences: readonly Line[] = [
    { requests: [], last: undefined },
    { requests: [], last: undefined },
  ];
  #entered = 0;
  readonly #tally: Record<string, number> = {};
  #settled = 0;
  #lastAnswered = -1;
  #batches = 0;
  #rows = 0;
  #padding = 0;

  constructor(options: BatcherOptions, clock: FakeClock, limiter?: { of: Limiter; resources: number; weight: number }) {
    this.fake = setUp(options, { clock, limiter });
    this.fake.executor.onRun = (items, batch) => this.#onRun(items, batch);
    this.#settings = this.fake.batcher.settings;
    this.#clock = clock;
    this.#limited = limiter !== undefined;
  }

  /** Whether some turn of a sequence is still to come, which may be now. */
  get inLine(): boolean {
    return this.#sequences.some(({ last }) => last !== undefined);
  }

  get running(): number {
    return this.fake.executor.running.length;
  }

  submit({ rows, key, level, timeout, deadline, alone, cancellable, abortWhileRunning, sequence }: Ask): void {
    const { defaultTimeoutMicros, defaultDeadlineMicros, allowTimeoutOverride } = this.#settings.policies[level]!;
    const least = (general: number, own: number | undefined) =>
      Math.min(
        (allowTimeoutOverride ? own : undefined) ?? Number.POSITIVE_INFINITY,
        general || Number.POSITIVE_INFINITY,
      );
    const request: Asked = {
      index: this.#asked.length,
      key,
      rows,
      alone,
      level,
      arrived: this.#clock.now(),
      timeout: least(defaultTimeoutMicros, timeout),
      deadline: this.#clock.now() + least(defaultDeadlineMicros, deadline),
      controller: cancellable ? new AbortController() : undefined,
      abortWhileRunning,
      before: sequence === undefined ? [] : [...this.#sequences[sequence]!.requests],
      entered: undefined,
      place: 0,
      started: false,
      cancelled: false,
      outcome: undefined,
    };
    this.#asked.push(request);
    this.#queued.add(request);
    const { signal } = request.controller ?? {};
    const own = { priority: level + 1, signal, abortWhileRunning, timeoutMicros: timeout, deadlineMicros: deadline };
    const payload = `i${request.index}`;
    const line = sequence === undefined ? undefined : this.#sequences[sequence];
    const enter = () => {
      request.entered = this.#clock.now();
      request.place = this.#entered++;
      if (request.before.length > 0 && this.#isOversize(request)) {
        request.started = true; // it fails, though maybe not before others are answered
        this.#queued.delete(request);
      }
      return { payload, key, rows, alone };
    };
    let outcome: Promise<string | Failure>;
    if (line?.last === undefined) {
      enter();
      outcome = this.fake.submit(payload, { ...own, key, rows, alone });
    } else {
      const waiting = line.requests.filter(
        ({ entered, outcome }) => entered === undefined && outcome === undefined,
      ).length;
      const turn = { before: line.last, waiting, maxWaiting, hold: () => {}, make: enter };
      outcome = this.fake.batcher.submitInTurn(turn, own);
    }
    const settled = outcome.then((outcome) => this.#onSettled(request, outcome));
    if (line === undefined) return;
    line.requests.push(request);
    const last = Promise.all([line.last, settled]).then(() => {
      if (line.last === last) line.last = undefined;
    });
    line.last = last;
  }

  cancel(which: number): void {
    const request = this.#asked[which % (this.#asked.length || 1)];
    if (request?.controller === undefined || request.outcome !== undefined) return;
    request.cancelled = !request.started || request.abortWhileRunning;
    request.controller.abort('aborted');
  }

  /** From now on the executor fails one item of a batch that runs. */
  spoil(which: number): void {
    const { running } = this.fake.executor;
    const items = running[which % (running.length || 1)]?.items;
    if (items !== undefined) this.#bad.add(whole(items[which % items.length]!));
  }

  /** Ends a batch; bad items fail it, or are failed in it. */
  async finish(which: number, asFailures = false): Promise<void> {
    const { running } = this.fake.executor;
    const batch = running[which % (running.length || 1)];
    if (batch === undefined) return;
    const isBad = (item: string) => this.#bad.has(whole(item));
    this.#known.add(this.#asked[Number(whole(batch.items[0]!).slice(1))]!.key);
    if (!batch.items.some(isBad)) await batch.finish();
    else if (!asFailures) await batch.fail(new Error('bad'));
    else await batch.finish(batch.items.map((item) => (isBad(item) ? new Failure('failed') : item.toUpperCase())));
  }

  /** After each step, when all that could happen has. */
  check(timersAreLate: boolean): void {
    const { batcher } = this.fake;
    const { concurrency, policies } = this.#settings;
    this.#expect(this.running <= concurrency, 'too many batches run');
    for (let level = 0; level < policies.length; level++) {
      const bound = policies[level]!.maxQueueSize;
      if (bound === 0) continue;
      let queued = 0;
      for (const request of this.#queued) if (request.level === level) queued++;
      this.#expect(queued <= bound, `the queue of priority ${level + 1} is too long`);
    }
    this.#expect(batcher.pending === this.#asked.length - this.#settled, 'the counters do not add up');
    for (const [waits, passes] of this.#passed) {
      const isGone = waits.outcome instanceof Failure && !waits.started;
      this.#expect(isGone, `i${passes.index} passed i${waits.index}`);
    }
    this.#passed.clear();
    for (const request of this.#asked) {
      if (request.outcome !== undefined) continue;
      this.#expect(!request.cancelled, `i${request.index} was cancelled, and its caller is not told`);
      this.#expect(
        this.#clock.isLate || !this.#isTooLate(request),
        `i${request.index} is not told that it is too late`,
      );
    }
    if (!this.#limited && !timersAreLate) this.expectNothingWaits();
    if (this.broken !== undefined) throw new Error(this.broken);
  }

  /** Where a lane is free, what waits may only wait for its delay. */
  expectNothingWaits(): void {
    const { maxQueueDelayMicros, maxBatchSize, policies, targetLatencyMicros, concurrency } = this.#settings;
    if (this.running >= concurrency) return;
    if (targetLatencyMicros !== undefined && this.running > 0) return; // there may be fewer lanes, for now
    const rows = new Map<string, number>();
    for (const { key, entered, ...request } of this.#queued) {
      if (entered === undefined) continue;
      const isPutOff = policies[request.level]!.timeoutAction === 'delay';
      const isDue = this.#clock.now() >= entered + maxQueueDelayMicros && (maxQueueDelayMicros === 0 || !isPutOff);
      this.#expect(!isDue, `i${request.index} waits for nothing`);
      rows.set(key, (rows.get(key) ?? 0) + request.rows);
      this.#expect(rows.get(key)! < maxBatchSize, `a full batch of '${key}' does not run`);
    }
  }

  /** When everything is settled. */
  checkEnd(): void {
    const { batcher, executor } = this.fake;
    const { requests, batches } = batcher.stats();
    const { accepted, completed, failed, cancelled, expired, shed, pending, queued, refused } = requests;
    this.#expect(this.#settled === this.#asked.length, 'requests were not settled');
    this.#expect(pending === 0 && queued === 0 && batches.running === 0, 'something is left');
    this.#expect(completed + failed + cancelled + expired + shed === accepted, 'the counters do not add up');
    const counted = { completed, failed, cancelled, expired, overloaded: shed + refused.overloaded };
    const { queueFull, oversize } = refused;
    for (const [name, count] of Object.entries({ ...counted, queueFull, oversize })) {
      const told = this.#tally[name] ?? 0;
      this.#expect(count === told, `${told} were told '${name}', and ${count} counted`);
    }
    this.#expect(batches.count === this.#batches && batches.rows === this.#rows, 'batches were not counted');
    this.#expect(batches.paddedRows === this.#padding, 'padding was not counted');
    const sizes = Object.entries(batches.sizes);
    this.#expect(sizes.reduce((sum, [rows, count]) => sum + Number(rows) * count, 0) === this.#rows, 'sizes are wrong');
    this.#expect(executor.held.size === 0, 'payloads were not released');
    for (const { index, outcome } of this.#asked) {
      if (this.#bad.has(`i${index}`)) this.#expect(outcome instanceof Failure, `i${index} did not fail`);
    }
    if (this.broken !== undefined) throw new Error(this.broken);
  }

  #expect(holds: boolean, what: string): void {
    if (!holds) this.broken ??= what;
  }

  #isOverdue({ arrived, timeout }: Asked): boolean {
    return this.#clock.now() >= arrived + timeout;
  }

  /** Its deadline is over. */
  #isTooLate({ deadline }: Asked): boolean {
    return this.#clock.now() >= deadline;
  }

  #onRun(items: readonly string[], { total, padded }: Batch<string>): void {
    const { maxBatchSize, allowedBatchSizes, policies } = this.#settings;
    this.#batches++;
    this.#rows += total;
    this.#padding += padded - total;
    const requests = items.map((item) => this.#asked[Number(whole(item).slice(1))]!);
    const isAlone = requests.some(({ alone }) => alone);
    const fits = isAlone ? items.length === 1 : total <= maxBatchSize;
    this.#expect(fits, `[${items}] is too large a batch`);
    const size = (isAlone ? undefined : allowedBatchSizes?.find((size) => size >= total)) ?? total;
    this.#expect(padded === size, `a batch of ${total} rows runs as ${padded}, not ${size}`);
    for (const request of requests) {
      const { key, index, level } = request;
      this.#expect(key === requests[0]!.key, 'shapes were mixed');
      this.#expect(!request.cancelled, `i${index} was cancelled, and ran`);
      this.#expect(request.outcome === undefined, `i${index} was settled, and ran`);
      this.#expect(!this.#isTooLate(request), `i${index} was too late, and ran`);
      const inTurn = request.before.every(({ outcome }) => outcome !== undefined);
      this.#expect(inTurn, `i${index} ran before its turn`);
      const mayBeLate = request.started || policies[level]!.timeoutAction === 'delay';
      this.#expect(mayBeLate || !this.#isOverdue(request), `i${index} was overdue, and ran`);
      request.started = true;
      this.#queued.delete(request);
    }
    // Of one shape and priority, none passes another, unless that was put off.
    for (const waits of this.#queued) {
      if (waits.key !== requests[0]!.key || this.#isOverdue(waits) || waits.cancelled) continue;
      if (waits.entered === undefined) continue;
      const passes = requests.find(({ level, place }) => level === waits.level && place > waits.place);
      if (passes !== undefined) this.#passed.set(waits, passes);
    }
  }

  #onSettled(request: Asked, outcome: string | Failure): void {
    const { index, rows } = request;
    this.#expect(request.outcome === undefined, `i${index} was settled twice`);
    request.outcome = outcome;
    this.#queued.delete(request);
    this.#settled++;
    const name = outcome instanceof Failure ? outcome.reason : 'completed';
    this.#tally[name] = (this.#tally[name] ?? 0) + 1;
    this.#expect(this.#isJustified(request, name), `i${index} was ${name} for no reason`);
    if (!(outcome instanceof Failure)) this.#expect(isWhole(outcome, index, rows), `i${index} got ${outcome}`);
    if (name !== 'completed' && name !== 'failed') return;
    if (this.#settings.preserveOrdering) this.#expect(index > this.#lastAnswered, `i${index} was overtaken`);
    this.#lastAnswered = index;
  }

  #isJustified(request: Asked, outcome: string): boolean {
    const { policies, targetLatencyMicros } = this.#settings;
    const policy = policies[request.level]!;
    switch (outcome) {
      case 'completed':
        return !request.cancelled && !this.#isTooLate(request);
      case 'failed':
        return this.#bad.has(`i${request.index}`) || (request.before.length > 0 && this.#isOversize(request));
      case 'cancelled':
        return request.controller?.signal.aborted === true;
      case 'expired':
        if (policy.timeoutAction === 'reject' && this.#isOverdue(request) && !request.started) return true;
        // Before its time only where it was known how long a batch of its shape takes.
        return (
          this.#isTooLate(request) || (request.deadline < Number.POSITIVE_INFINITY && this.#known.has(request.key))
        );
      case 'overloaded':
        return targetLatencyMicros !== undefined;
      case 'queueFull':
        return policy.maxQueueSize > 0 || request.before.length > maxWaiting;
      default:
        return this.#isOversize(request);
    }
  }

  #isOversize({ rows, alone }: Asked): boolean {
    const { maxBatchSize, splitOversize } = this.#settings;
    return rows > maxBatchSize && !alone && !splitOversize;
  }
}

const whole = (item: string) => item.split('[')[0]!;

/** Whether a result is that of all rows, in order, and of nothing else: 'I5' or 'I5[0..4]+I5[4..6]'. */
function isWhole(result: string, index: number, rows: number): boolean {
  if (result === `I${index}`) return true;
  let start = 0;
  for (const part of result.split('+')) {
    const [, item, from, to] = /^I(\d+)\[(\d+)\.\.(\d+)\]$/.exec(part) ?? [];
    if (Number(item) !== index || Number(from) !== start) return false;
    start = Number(to);
  }
  return start === rows;
}
