// Processes that are kept running until they are to stop.
//
// The rules it keeps: what ends otherwise than with 0 is started again, after a pause that doubles while it ends soon after its start, and not at
// all once it has ended so too often: a program that cannot start is not tried for ever. What ends with 0 has done its work. To stop, all are told once (SIGTERM), have
// so long to end, and are killed then. Time and processes are given, so that the rules can be tried without either.

export interface Running {
  readonly pid: number | undefined;
  kill(signal: NodeJS.Signals): void;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SupervisorParts {
  readonly processes: number;
  /** Starts one; `onEnd` is called once, when it has ended or could not be started. */
  readonly start: (index: number, onEnd: (ended: Ended) => void) => Running;
  /** In milliseconds. */
  readonly graceMillis: number;
  readonly tell: (line: string) => void;
  readonly now: () => number;
  readonly after: (millis: number, callback: () => void) => () => void;
}

/** What ends sooner after its start has not worked. */
const settledAfter = 1000;
/** So often in a row it may. */
const mostAttempts = 5;
const firstPause = 100;
const longestPause = 10_000;

export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #slots: { running: Running | undefined; started: number; soon: number; isDone: boolean }[];
  #isStopping = false;
  #exitCode = 0;
  readonly #cancels = new Set<() => void>();
  #resolve!: (code: number) => void;
  /** Resolves with the exit code, when all have ended and none is started again. */
  readonly ended: Promise<number>;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#slots = Array.from({ length: parts.processes }, () => ({
      running: undefined,
      started: 0,
      soon: 0,
      isDone: false,
    }));
    for (const index of this.#slots.keys()) this.#start(index);
  }

  /** Tells all to end, unless they know; the second time, ends them. */
  stop(theyKnow = false): void {
    if (this.#isStopping) {
      this.#kill();
      return;
    }
    this.#isStopping = true;
    for (const cancel of this.#cancels) cancel(); // what was to be started again is not
    this.#cancels.clear();
    for (const slot of this.#slots) {
      if (slot.running === undefined) slot.isDone = true;
      else if (!theyKnow) slot.running.kill('SIGTERM');
    }
    this.#cancels.add(this.#parts.after(this.#parts.graceMillis, () => this.#kill()));
    this.#look();
  }

  #kill(): void {
    for (const { running } of this.#slots) running?.kill('SIGKILL');
  }

  #start(index: number): void {
    const slot = this.#slots[index]!;
    slot.started = this.#parts.now();
    slot.running = this.#parts.start(index, (ended) => this.#onEnd(index, ended));
  }

  #onEnd(index: number, { code, signal }: Ended): void {
    const { now, tell } = this.#parts;
    const slot = this.#slots[index]!;
    const pid = slot.running?.pid;
    slot.running = undefined;
    const how = signal === null ? `ended with ${code}` : `was ended by ${signal}`;
    const lived = now() - slot.started;
    const name = `process ${index}${pid === undefined ? '' : ` (${pid})`}`;
    slot.soon = lived < settledAfter ? slot.soon + 1 : 0;
    slot.isDone = this.#isStopping || code === 0 || slot.soon >= mostAttempts;
    if (this.#isStopping) {
      // A server that has no handler of its own ends so, as it was told.
      if (code !== 0 && signal !== 'SIGTERM' && signal !== 'SIGINT') {
        tell(`${name} ${how} as it was to stop`);
        this.#exitCode = 1;
      }
    } else if (code === 0) tell(`${name} ended with 0, and is not started again`);
    else if (slot.isDone) {
      tell(`${name} ${how}, for the ${mostAttempts}th time within a second of its start: all are stopped`);
      this.#exitCode = 1;
      this.stop();
    } else {
      const pause = Math.min(longestPause, firstPause * 2 ** Math.max(0, slot.soon - 1));
      tell(`${name} ${how} after ${(lived / 1000).toFixed(1)} s; it starts again in ${pause / 1000} s`);
      this.#startAfter(pause, index);
    }
    this.#look();
  }

  #startAfter(millis: number, index: number): void {
    const cancel = this.#parts.after(millis, () => {
      this.#cancels.delete(cancel);
      this.#start(index);
    });
    this.#cancels.add(cancel);
  }

  #look(): void {
    if (!this.#slots.every(({ isDone }) => isDone)) return;
    for (const cancel of this.#cancels) cancel();
    this.#resolve(this.#exitCode);
  }
}
