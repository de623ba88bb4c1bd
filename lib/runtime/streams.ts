// Streams, for those who want to schedule by hand: each is a lane of the device, on which operations run in order.

import type { Device as NativeDevice, Event as NativeEvent } from '../../binding.js';
import { namesOf, oneOf, plainObject, refuseUnknown } from '../core/arguments.js';
import { TensorlaneError, toTensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';

/** A point in a stream's queue. */
export class StreamEvent {
  /** @internal */
  constructor(
    /** @internal */ readonly device: NativeDevice,
    /** @internal */ readonly handle: NativeEvent,
  ) {}

  /** Whether the stream has reached this point. */
  get done(): boolean {
    return this.handle.query();
  }
}

/** A stream held by whoever acquired it. Operations are put on it by the option `{ stream }` and run in order. */
export class Stream implements Disposable {
  readonly #device: NativeDevice;
  readonly #onRelease: (lane: number) => void;
  #lane: number | undefined;

  /** Streams are given by `device.streams`. */
  constructor(
    device: NativeDevice,
    lane: number,
    readonly priority: StreamPriority,
    onRelease: (lane: number) => void,
  ) {
    this.#device = device;
    this.#lane = lane;
    this.#onRelease = onRelease;
  }

  /** Marks the point that this stream's queue has reached. Errors: ERR_DISPOSED. */
  record(): StreamEvent {
    const lane = this.laneOn(this.#device, 'record');
    return new StreamEvent(
      this.#device,
      translated(() => this.#device.record(lane)),
    );
  }

  /** What is put on this stream from now on starts after the event. Returns at once. Errors: ERR_ARGUMENT, ERR_DISPOSED. */
  wait(event: StreamEvent): void {
    const lane = this.laneOn(this.#device, 'wait');
    if (!(event instanceof StreamEvent) || event.device !== this.#device) {
      throw new TensorlaneError('ERR_ARGUMENT', 'wait: expected an event that a stream of the same device recorded');
    }
    translated(() => this.#device.wait(lane, event.handle));
  }

  /** Resolves when all that was put on this stream so far has ended. Errors: ERR_DISPOSED. */
  async synchronize(): Promise<void> {
    const lane = this.laneOn(this.#device, 'synchronize');
    try {
      await this.#device.synchronize(lane);
    } catch (reason) {
      throw toTensorlaneError(reason);
    }
  }

  /** Gives the stream back to the pool; what it was given goes on. May be called again. */
  release(): void {
    if (this.#lane === undefined) return;
    const lane = this.#lane;
    this.#lane = undefined;
    this.#onRelease(lane);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** @internal */
  isOf(device: NativeDevice): boolean {
    return device === this.#device;
  }

  /** @internal The lane's index, for an operation on `device`. */
  laneOn(device: NativeDevice, what: string): number {
    if (device !== this.#device) throw new TensorlaneError('ERR_ARGUMENT', `${what}: the stream is of another device`);
    if (this.#lane === undefined) throw new TensorlaneError('ERR_DISPOSED', `${what}: the stream has been released`);
    return this.#lane;
  }
}

const priorities = ['normal', 'high'] as const;
export type StreamPriority = (typeof priorities)[number];

export interface AcquireOptions {
  /** 'normal' by default. A device has as many 'high' ones as `open({ highPriorityStreams })` asked for. */
  priority?: StreamPriority | undefined;
}

const acquireNames = namesOf<AcquireOptions>({ priority: true });

interface Waiter {
  resolve: (stream: Stream) => void;
  reject: (reason: TensorlaneError) => void;
}

/** The streams of one priority: those that nobody holds, and who waits for one. */
class PriorityPool {
  readonly free: number[];
  readonly waiting: Waiter[] = [];

  constructor(
    readonly priority: StreamPriority,
    first: number,
    readonly size: number,
  ) {
    // Operations without a stream prefer the low lanes, so streams are handed out from the top.
    this.free = Array.from({ length: size }, (_, i) => first + i);
  }
}

export class StreamPool {
  /** How many streams the device has. */
  readonly size: number;
  readonly #device: NativeDevice;
  readonly #pools: Readonly<Record<StreamPriority, PriorityPool>>;
  #closed = false;

  /** @internal The last `high` of them have the high priority. */
  constructor(device: NativeDevice, size: number, high: number) {
    this.#device = device;
    this.size = size;
    this.#pools = {
      normal: new PriorityPool('normal', 0, size - high),
      high: new PriorityPool('high', size - high, high),
    };
  }

  /** Streams that nobody holds. */
  get available(): number {
    return this.#pools.normal.free.length + this.#pools.high.free.length;
  }

  /**
   * Waits for a stream that nobody holds; first come, first served. Release it, or declare it with `using`.
   *
   * Errors: ERR_ARGUMENT (a priority that the device has no stream of), ERR_DISPOSED.
   */
  async acquire(options: AcquireOptions = {}): Promise<Stream> {
    if (this.#closed) throw new TensorlaneError('ERR_DISPOSED', 'acquire: the device has been disposed');
    refuseUnknown(plainObject('acquire: options', options), acquireNames, 'acquire');
    const priority = oneOf('acquire: priority', options.priority, 'normal', priorities);
    const pool = this.#pools[priority];
    if (pool.size === 0) {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `acquire: the device has no stream of ${priority} priority; open({ streams, highPriorityStreams }) says how many`,
      );
    }
    const lane = pool.free.pop();
    if (lane !== undefined) return this.#hold(pool, lane);
    try {
      return await new Promise<Stream>((resolve, reject) => {
        pool.waiting.push({ resolve, reject });
      });
    } catch (reason) {
      throw toTensorlaneError(reason);
    }
  }

  /** Holds a stream for as long as `work` takes, and gives what it gives. Errors: those of `acquire`, and those of `work`. */
  async use<T>(work: (stream: Stream) => T | Promise<T>, options: AcquireOptions = {}): Promise<T> {
    if (typeof work !== 'function') {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `use: expected a function that is given the stream, got ${shown(work)}`,
      );
    }
    const stream = await this.acquire(options);
    try {
      return await work(stream);
    } finally {
      stream.release();
    }
  }

  /** @internal */
  close(): void {
    this.#closed = true;
    for (const pool of Object.values(this.#pools)) {
      for (const { reject } of pool.waiting.splice(0)) {
        reject(new TensorlaneError('ERR_DISPOSED', 'acquire: the device has been disposed'));
      }
    }
  }

  #hold(pool: PriorityPool, lane: number): Stream {
    return new Stream(this.#device, lane, pool.priority, (released) => {
      const next = pool.waiting.shift();
      if (next === undefined) pool.free.push(released);
      else next.resolve(this.#hold(pool, released));
    });
  }
}

function translated<T>(call: () => T): T {
  try {
    return call();
  } catch (reason) {
    throw toTensorlaneError(reason);
  }
}
