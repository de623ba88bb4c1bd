// Shares a device between models: which of several batchers starts its next batch when what they run on is free.
//
// Each batch takes so many of the device's resources while it runs. What comes free goes to the batcher that, for its
// weight, has had the least time on the device so far (stride scheduling, Waldspurger and Weihl 1995), among those that
// have a batch to run; so a model that is asked ten times as often does not get ten times the device, and one that was idle
// does not make up for it later. Until its turn comes, a batch goes on growing.

import { DeviceTime } from './device-time.js';

export interface ShareOptions {
  /** How much of the device it gets beside others, where all want more than there is. */
  weight: number;
  /** What one batch takes of the device's resources. */
  resources: number;
  /** Starts a batch now, if there still is one to start; says whether. */
  start: () => boolean;
}

export class Limiter {
  readonly resources: number;
  readonly time = new DeviceTime();
  #used = 0;
  /** The pass of the share that was served last. A share that had nothing to run for a while goes on from here. */
  #pass = 0;
  /** Those with a batch to run, and their batch not started. */
  readonly #waiting = new Set<Share>();
  #serving = false;

  constructor(resources: number) {
    this.resources = resources;
  }

  share(options: ShareOptions): Share {
    return new Share(this, options);
  }

  /** @internal */
  want(share: Share): void {
    if (this.#waiting.has(share)) return;
    if (share.running === 0) share.pass = Math.max(share.pass, this.#pass);
    this.#waiting.add(share);
    this.#serve();
  }

  /** @internal */
  ended(share: Share, more: boolean): void {
    this.#used -= share.resources;
    // Nobody else wanted the device, so the time it has had must not put it behind those that come now.
    if (this.#used === 0 && this.#waiting.size === 0) this.#pass = Math.max(this.#pass, share.pass);
    if (more) this.#waiting.add(share); // before the next is chosen: else whoever waits would always be next, whatever its weight
    this.#serve();
  }

  /** @internal */
  hasRivals(share: Share): boolean {
    return this.#waiting.size > (this.#waiting.has(share) ? 1 : 0);
  }

  /** @internal */
  left(share: Share): void {
    if (this.#waiting.delete(share)) this.#serve(); // others may have waited for it to go first
  }

  #serve(): void {
    if (this.#serving) return; // what is started below may ask for more at once
    this.#serving = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#waiting.delete(next);
      this.#used += next.resources;
      this.#pass = next.pass;
      if (!next.begin()) this.#used -= next.resources;
    }
    this.#serving = false;
  }

  /** The one whose turn it is; none while its batch does not fit, so that small ones do not pass a large one for ever. */
  #next(): Share | undefined {
    let next: Share | undefined;
    for (const share of this.#waiting) if (next === undefined || share.pass < next.pass) next = share;
    return next !== undefined && this.#used + next.resources <= this.resources ? next : undefined;
  }
}

/** A batcher's part of a device. */
export class Share {
  /** The time that it has had on the device, divided by its weight. The least is served first. @internal */
  pass = 0;
  /** Its batches that run. @internal */
  running = 0;
  readonly resources: number;
  readonly #limiter: Limiter;
  readonly #options: ShareOptions;
  /** How long its batches take, roughly: what each is charged for when it starts. @internal */
  usual = 0;

  constructor(limiter: Limiter, options: ShareOptions) {
    this.#limiter = limiter;
    this.#options = options;
    this.resources = options.resources;
  }

  /** There is a batch to run; `start` is called when it may, which may be now. */
  want(): void {
    this.#limiter.want(this);
  }

  /**
   * A batch has ended, after so many microseconds; `charged` is what `usual` was when it started, and `more` says whether
   * there is another one to run.
   */
  ended(micros: number, charged: number, more: boolean): void {
    this.running--;
    this.pass += (micros - charged) / this.#options.weight;
    this.usual += (micros - this.usual) / 8;
    this.#limiter.ended(this, more);
  }

  /** Whether others wait for the device. */
  get hasRivals(): boolean {
    return this.#limiter.hasRivals(this);
  }

  /** There is nothing to run any more, for now. */
  leave(): void {
    this.#limiter.left(this);
  }

  /** @internal */
  begin(): boolean {
    const charged = this.usual;
    if (!this.#options.start()) return false;
    this.running++;
    this.pass += charged / this.#options.weight;
    return true;
  }
}
