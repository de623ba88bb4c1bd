// The devices of a group: which of them does what is asked of all.
//
// The rules: what has a tensor or a stream of one of them among its arguments is done there. All else is done by the one that has the
// least to do, and by another if that is lost meanwhile. Of a loss everybody is told once, by a warning of the process's.

import type { Device as NativeDevice } from '../../binding.js';
import { isPlainObject } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { DeviceTensor } from '../runtime/device-tensor.js';
import type { Runner } from '../runtime/runner.js';
import { Stream } from '../runtime/streams.js';
import type { OpenedDevice } from './device.js';

export interface Member {
  readonly device: OpenedDevice;
  readonly native: NativeDevice;
  readonly runner: Runner;
  /** Models' batches that it runs, and that it has run. */
  running: number;
  ran: number;
  /** Bytes of tensors on their way to it. */
  putting: number;
  /** Why it is lost. */
  lost: string | undefined;
}

export function isLoss(reason: unknown): reason is TensorlaneError {
  return (reason as { code?: unknown } | undefined)?.code === 'ERR_DEVICE_LOST';
}

export class Members {
  readonly all: readonly Member[];
  closed = false;
  #turn = 0;

  constructor(devices: readonly OpenedDevice[]) {
    this.all = devices.map((device) => {
      const { native, runner } = device.internals;
      return { device, native, runner, running: 0, ran: 0, putting: 0, lost: undefined };
    });
  }

  get live(): readonly Member[] {
    return this.all.filter(({ lost }) => lost === undefined);
  }

  /** Of what is asked with these arguments: the one that has them. Errors: ERR_ARGUMENT, for arguments of several. */
  homeOf(args: readonly unknown[], what: string): Member | undefined {
    let home: Member | undefined;
    for (const value of parts(args)) {
      const found = this.all.find(({ native, runner }) =>
        value instanceof DeviceTensor ? value.owner === runner : value instanceof Stream && value.isOf(native),
      );
      if (found === undefined) continue;
      if (home !== undefined && found !== home) {
        throw new TensorlaneError(
          'ERR_ARGUMENT',
          `${what}: its tensors and streams are of several devices, cuda:${home.device.info.index} and cuda:${found.device.info.index}; get() and put() bring them to one`,
        );
      }
      home = found;
    }
    return home;
  }

  /** Does it where its arguments are, else where `busy` is least; where that device is lost, once more elsewhere. */
  async run<T>(
    args: readonly unknown[],
    what: string,
    call: (member: Member) => Promise<T>,
    busy: (member: Member) => number = backlog,
  ): Promise<T> {
    this.requireOpen();
    const home = this.homeOf(args, what);
    if (home !== undefined) return this.#guarded(home, call);
    try {
      return await this.#guarded(this.leastBusy(busy), call);
    } catch (reason) {
      // What was read once cannot be read again.
      if (!isLoss(reason) || this.live.length === 0 || parts(args).some(isSource)) throw reason;
    }
    return this.#guarded(this.leastBusy(busy), call);
  }

  /** The same, and no second time. */
  async once<T>(args: readonly unknown[], what: string, call: (member: Member) => Promise<T>): Promise<T> {
    this.requireOpen();
    return this.#guarded(this.homeOf(args, what) ?? this.leastBusy(backlog), call);
  }

  /** Of those that are not lost; they take turns where they have as much to do. Errors: ERR_DEVICE_LOST, where all are. */
  leastBusy(busy: (member: Member) => number, among: readonly Member[] = this.live): Member {
    const least = Math.min(...among.map(busy));
    const equal = among.filter((member) => busy(member) <= least);
    if (equal.length > 0) return equal[this.#turn++ % equal.length]!;
    const told = this.all.map(({ device, lost }) => `cuda:${device.info.index}: ${lost}`).join('; ');
    throw new TensorlaneError('ERR_DEVICE_LOST', `all devices of the group are lost: ${told}`);
  }

  lose(member: Member, reason: TensorlaneError): void {
    if (member.lost !== undefined) return;
    member.lost = reason.message;
    const left = this.live.length;
    process.emitWarning(
      `cuda:${member.device.info.index} is lost (${reason.message}); ${left === 0 ? 'no device is left' : `${left} of ${this.all.length} devices go on`}`,
      { type: 'TensorlaneWarning', code: 'TENSORLANE_DEVICE_LOST' },
    );
  }

  /** Errors: ERR_DISPOSED. */
  requireOpen(): void {
    if (this.closed) throw new TensorlaneError('ERR_DISPOSED', 'the device has been disposed');
  }

  async #guarded<T>(member: Member, call: (member: Member) => Promise<T>): Promise<T> {
    try {
      return await call(member);
    } catch (reason) {
      if (isLoss(reason)) this.lose(member, reason);
      throw reason;
    }
  }
}

/** What waits for each of its lanes. */
function backlog({ native }: Member): number {
  const { busy, queued, lanes } = native.counters();
  return (busy + queued) / lanes;
}

/** Functions and iterators. */
function isSource(value: unknown): boolean {
  if (typeof value === 'function') return true;
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || 'next' in value);
}

/** Arguments, and what lists and options among them hold. */
function parts(args: readonly unknown[], depth = 0): unknown[] {
  return args.flatMap((value) => {
    if (depth < 3 && Array.isArray(value)) return typeof value[0] === 'number' ? [] : parts(value, depth + 1);
    const holds = depth < 3 && isPlainObject(value) && !(value instanceof DeviceTensor) && !(value instanceof Stream);
    return holds ? [value, ...parts(Object.values(value), depth + 1)] : [value];
  });
}
