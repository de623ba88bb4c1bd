// A model on each device of a group, as one: each batch is run by the replica that has the fewest of them for its lanes, and by another if
// its device is lost. It is what a model on one device is to lib/model.

import type {
  CaptureRequest,
  Device as NativeDevice,
  Model as NativeModel,
  RunRequest,
  RunResult,
  TrialRequest,
} from '../../binding.js';
import { TensorlaneError } from '../core/errors.js';
import { isLoss, type Member, type Members } from './members.js';

type Loading = Pick<NativeDevice, 'loadModel'>;

/** What loads a model on all of them: on `first` what is said of the first device holds of each for its own. */
export function loadingOn(members: Members): Loading {
  const first = members.all[0]!.device.info.index;
  return {
    async loadModel(source, options) {
      const { live } = members;
      const loading = live.map(({ native, device }) =>
        native.loadModel(source, {
          ...options,
          providers: (options.providers ?? []).map((one) =>
            one.device === first ? { ...one, device: device.info.index } : one,
          ),
        }),
      );
      const ended = await Promise.allSettled(loading);
      const failed = ended.find((one) => one.status === 'rejected');
      const loaded = ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      if (failed !== undefined || live.length === 0) {
        await Promise.allSettled(loaded.map((one) => one.close()));
        throw failed?.reason ?? new TensorlaneError('ERR_DEVICE_LOST', 'all devices of the group are lost');
      }
      return new Replicas(members, new Map(live.map((member, i) => [member, loaded[i]!])));
    },
  };
}

class Replicas implements NativeModel {
  readonly #members: Members;
  readonly #natives: ReadonlyMap<Member, NativeModel>;

  constructor(members: Members, natives: ReadonlyMap<Member, NativeModel>) {
    this.#members = members;
    this.#natives = natives;
  }

  /** Of ONNX Runtime's. */
  get sessions(): number {
    return this.#natives.size;
  }

  describe(): ReturnType<NativeModel['describe']> {
    return this.#first.describe();
  }

  run(request: RunRequest): Promise<RunResult> {
    return this.#elsewhere((native) => native.run(request));
  }

  /** On each of them. */
  async capture(lane: number, request: CaptureRequest): Promise<void> {
    await Promise.all([...this.#natives.values()].map((native) => native.capture(lane, request)));
  }

  graphCounters(): ReturnType<NativeModel['graphCounters']> {
    const all = { replayed: 0, paddedRows: 0, plain: 0 };
    for (const native of this.#natives.values()) {
      const one = native.graphCounters();
      for (const key of ['replayed', 'paddedRows', 'plain'] as const) all[key] += one[key];
    }
    return all;
  }

  examine(...args: Parameters<NativeModel['examine']>): ReturnType<NativeModel['examine']> {
    return this.#first.examine(...args);
  }

  tryRows(request: TrialRequest): ReturnType<NativeModel['tryRows']> {
    return this.#elsewhere((native) => native.tryRows(request));
  }

  endProfiling(): string {
    return [...this.#natives.values()].map((native) => native.endProfiling())[0] ?? '';
  }

  async close(): Promise<void> {
    const closed = await Promise.allSettled([...this.#natives.values()].map((native) => native.close()));
    const failed = closed.find((one) => one.status === 'rejected' && !isLoss(one.reason));
    if (failed?.status === 'rejected') throw failed.reason;
  }

  get #first(): NativeModel {
    return this.#natives.values().next().value as NativeModel;
  }

  /** On another once, where a device is lost: what lost two might be at fault itself. */
  async #elsewhere<T>(call: (native: NativeModel) => Promise<T>): Promise<T> {
    try {
      return await this.#on(this.#least, call);
    } catch (reason) {
      if (!isLoss(reason) || this.#live.length === 0) throw reason;
    }
    return this.#on(this.#least, call);
  }

  get #live(): readonly Member[] {
    return [...this.#natives.keys()].filter(({ lost }) => lost === undefined);
  }

  get #least(): Member {
    return this.#members.leastBusy(({ running, device }) => running / device.streams.size, this.#live);
  }

  async #on<T>(member: Member, call: (native: NativeModel) => Promise<T>): Promise<T> {
    member.running++;
    try {
      const result = await call(this.#natives.get(member)!);
      member.ran++;
      return result;
    } catch (reason) {
      if (isLoss(reason)) this.#members.lose(member, reason);
      throw reason;
    } finally {
      member.running--;
    }
  }
}
