// The load program of callers who do not wait for each other: every request is sent at its scheduled time, whatever became
// of the ones before.
//
// Latency counts from the scheduled time, not from the sending: what a stalled server, or a sender that came late, made a
// request wait is in it (no coordinated omission). How late the sender itself was is told beside, so that a run in which the
// load program was the bottleneck can be known.

export const Outcome = { answered: 0, unanswered: 1, unsent: 2, shed: 3, failed: 4 } as const;

export interface OpenLoopOptions {
  /** Scheduled times in milliseconds, ascending. */
  readonly times: Float64Array;
  readonly durationMs: number;
  /** Requests on their way at once; one that would exceed it is not sent. */
  readonly maxInFlight: number;
  /** How long answers are waited for once the last request has been sent. */
  readonly drainMs: number;
  /**
   * True for a sender to the microsecond, which keeps a core busy; otherwise one sleeps between requests and is up to a
   * millisecond late, which is better where server and sender share few cores.
   */
  readonly spin?: boolean;
  /** Calls back after so many microseconds, more exactly than Node's timers do, in place of these. */
  readonly after?: (micros: number, callback: () => void) => unknown;
  /** Whether an error says that the server refused on purpose, to keep its promises to others. */
  readonly isShed?: (error: unknown) => boolean;
}

/** What became of every request, in the order of the schedule. Times are in milliseconds from the start. */
export interface OpenLoopRecord {
  readonly times: Float64Array;
  /** One of Outcome for each. */
  readonly outcomes: Uint8Array;
  /**
   * From the scheduled time until the answer. A request without one has waited until the run was over: less than the truth,
   * never more. Not a number for one that failed or was shed.
   */
  readonly latencies: Float64Array;
  /** How late each was sent; not a number for one that was not. */
  readonly lateness: Float64Array;
  readonly durationMs: number;
  /** The message of the first failure. */
  readonly failure: string | undefined;
}

export async function openLoop(
  request: (index: number) => Promise<unknown>,
  { times, durationMs, maxInFlight, drainMs, spin = false, after, isShed = () => false }: OpenLoopOptions,
): Promise<OpenLoopRecord> {
  const outcomes = new Uint8Array(times.length).fill(Outcome.unanswered);
  const latencies = new Float64Array(times.length).fill(Number.NaN);
  const lateness = new Float64Array(times.length).fill(Number.NaN);
  let failure: string | undefined;
  let inFlight = 0;
  let over = false;
  let onIdle = () => {};
  const start = performance.now();

  const send = (index: number, scheduled: number) => {
    if (inFlight >= maxInFlight) {
      outcomes[index] = Outcome.unsent;
      return;
    }
    inFlight++;
    lateness[index] = performance.now() - start - scheduled;
    const settle = (outcome: number) => {
      inFlight--;
      if (over) return;
      outcomes[index] = outcome;
      if (outcome === Outcome.answered) latencies[index] = performance.now() - start - scheduled;
      if (inFlight === 0) onIdle();
    };
    request(index).then(
      () => settle(Outcome.answered),
      (error: unknown) => {
        const shed = isShed(error);
        if (!shed && !over) failure ??= String(error);
        settle(shed ? Outcome.shed : Outcome.failed);
      },
    );
  };

  await new Promise<void>((resolve) => {
    let next = 0;
    const tick = () => {
      // What is due now, and no more: a sender that never let go of the loop would get no answers.
      const now = performance.now() - start;
      for (let at = times[next]; at !== undefined && at <= now; at = times[++next]) send(next, at);
      const wait = (times[next] ?? durationMs) - (performance.now() - start);
      if (next === times.length && wait <= 0) resolve();
      else if (after !== undefined && wait > 0) after(1000 * wait, tick);
      // Timers come up to a millisecond late.
      else if (wait > (spin ? 2 : 0)) setTimeout(tick, spin ? wait - 1.5 : Math.ceil(wait));
      else setImmediate(tick);
    };
    tick();
  });
  if (inFlight > 0) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, drainMs);
      onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  over = true;

  const end = performance.now() - start;
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome === Outcome.unanswered || outcome === Outcome.unsent) latencies[index] = end - (times[index] ?? end);
  }
  return { times, outcomes, latencies, lateness, durationMs, failure };
}
