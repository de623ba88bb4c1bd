// Several CUDA devices as one, with a device's own surface: models are replicated, and what is computed with tensors is where these are.

import type { Advice } from '../batching/statistics/advice.js';
import { TensorlaneError } from '../core/errors.js';
import type { LinearAlgebra } from '../linalg/linalg.js';
import { LoadedModels } from '../model/loaded-models.js';
import type { LoadModelOptions } from '../model/options.js';
import type { ModelSource } from '../model/source.js';
import type { Model, ModelTypes } from '../model/types.js';
import type { TensorOperations } from '../ops/ops.js';
import type { DeviceTensor } from '../runtime/device-tensor.js';
import {
  type Kernel,
  type KernelArguments,
  type KernelOptions,
  type KernelParameter,
  type LaunchOptions,
  Kernel as OneKernel,
} from '../runtime/kernel.js';
import type { OperationOptions } from '../runtime/options.js';
import { type AcquireOptions, type Stream, StreamPool } from '../runtime/streams.js';
import type { NumericDType } from '../tensor/dtypes.js';
import type { Tensor } from '../tensor/types.js';
import { Advisor } from './advisor.js';
import type { OpenedDevice } from './device.js';
import { type DeviceInfo, type DeviceStats, groupInfo, groupStats } from './info.js';
import { type Member, Members } from './members.js';
import { loadingOn } from './replicas.js';
import { Scope } from './scope.js';
import { TensorRoom } from './tensor-room.js';

export interface GroupOptions {
  readonly resources?: number | undefined;
  readonly threads: number;
  readonly onnxruntime?: string | undefined;
  readonly onnxruntimeProviders?: string | undefined;
}

export class GroupedDevice extends TensorRoom implements AsyncDisposable {
  readonly info: DeviceInfo;
  readonly streams: StreamPool;
  override readonly linalg: LinearAlgebra;
  override readonly ops: TensorOperations;
  readonly #members: Members;
  readonly #models: LoadedModels;
  readonly #advisor: Advisor;
  #disposal: Promise<void> | undefined;

  /** Groups are made by `open`. */
  constructor(devices: readonly OpenedDevice[], { resources, threads, ...onnx }: GroupOptions) {
    const members = new Members(devices);
    const [first] = members.all as readonly [Member, ...Member[]];
    super(first.runner);
    this.#members = members;
    this.info = groupInfo(devices.map(({ info }) => info));
    this.streams = new GroupStreams(members);
    this.linalg = routed(members, ({ device }) => device.linalg);
    this.ops = routed(members, ({ device }) => device.ops);
    const lanes = this.streams.size;
    const put = (tensor: Tensor) => putOn(members, tensor, {}, ({ runner }) => runner.put(tensor, {}));
    this.#models = new LoadedModels(
      () => this.#open(),
      { runner: first.runner, put, areSeveral: true },
      {
        ...{ resources: resources ?? lanes, threads, lanes, niceness: 0 },
        ...{ onnxruntime: onnx.onnxruntime, onnxruntimeProviders: onnx.onnxruntimeProviders },
        cudaDevice: first.device.info.index,
      },
    );
    this.#advisor = new Advisor('cuda', this.#models);
  }

  get disposed(): boolean {
    return this.#disposal !== undefined;
  }

  /** On the device that holds the fewest bytes, or that of its stream. */
  override put<T extends NumericDType>(tensor: Tensor<T>, options: OperationOptions = {}): Promise<DeviceTensor<T>> {
    return putOn(this.#members, tensor ?? {}, options, ({ device }) => device.put(tensor, options));
  }

  async kernel<const P extends readonly KernelParameter[]>(
    source: string,
    name: string,
    parameters: P,
    options: KernelOptions = {},
  ): Promise<Kernel<P>> {
    this.#members.requireOpen();
    const { live } = this.#members;
    const kernels = await Promise.all(live.map(({ device }) => device.kernel(source, name, parameters, options)));
    return new GroupKernel(this.#members, new Map(live.map((member, i) => [member, kernels[i]!])));
  }

  scope(): Scope {
    this.#open();
    return new GroupScope(this.#members, new Map(this.#members.all.map((member) => [member, member.device.scope()])));
  }

  async trim(): Promise<void> {
    this.#members.requireOpen();
    await Promise.all(this.#members.live.map(({ device }) => device.trim()));
  }

  async loadModel<T extends ModelTypes = ModelTypes>(
    source: ModelSource,
    options: LoadModelOptions = {},
  ): Promise<Model<T>> {
    for (const [i, one] of (Array.isArray(options?.providers) ? options.providers : []).entries()) {
      if (typeof one !== 'object' || one === null || !('device' in one) || one.device === undefined) continue;
      throw new TensorlaneError('ERR_ARGUMENT', `providers[${i}].device: in a group of devices each has its own`);
    }
    return (await this.#models.load(source, options)) as unknown as Model<T>;
  }

  /** As a device's own, of what all of them run. */
  advise(): Advice[] {
    return this.#disposal === undefined ? this.#advisor.advise() : [];
  }

  /** Of all devices together, and of each in `devices`. */
  stats(): DeviceStats {
    return groupStats(
      this.#members.all.map(({ device, ran, lost }) => ({
        index: device.info.index,
        ...device.stats(),
        models: this.#models.count,
        batches: ran,
        ...(lost !== undefined && { lost }),
      })),
    );
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async #dispose(): Promise<void> {
    this.#members.closed = true;
    await this.#models.close();
    await Promise.all(this.#members.all.map(({ device }) => device.dispose()));
  }

  #open() {
    this.#members.requireOpen();
    return loadingOn(this.#members);
  }
}

/** Methods of what each device has, called where their arguments are. */
function routed<T extends object>(members: Members, of: (member: Member) => T): T {
  const methods = new Map<PropertyKey, unknown>();
  return new Proxy(of(members.all[0]!), {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function' || name === 'constructor') return value;
      if (!methods.has(name)) {
        methods.set(name, async (...args: unknown[]) =>
          members.run(args, String(name), (member) => {
            const object = of(member);
            return Reflect.apply(Reflect.get(object, name, object) as () => Promise<unknown>, object, args);
          }),
        );
      }
      return methods.get(name);
    },
  });
}

/** Where the fewest bytes are, those on their way among them, or on the device of the stream among the options. */
function putOn<T>(
  members: Members,
  { data }: { readonly data?: unknown },
  options: OperationOptions,
  put: (member: Member) => Promise<T>,
): Promise<T> {
  const bytes = ArrayBuffer.isView(data) ? data.byteLength : 0;
  const counted = async (member: Member) => {
    member.putting += bytes;
    try {
      return await put(member);
    } finally {
      member.putting -= bytes;
    }
  };
  return members.run([options], 'put', counted, ({ device, putting }) => device.stats().memory.tensorBytes + putting);
}

/** Of all devices: each is acquired where most are free. */
class GroupStreams extends StreamPool {
  readonly #members: Members;

  constructor(members: Members) {
    const size = members.all.reduce((sum, { device }) => sum + device.streams.size, 0);
    super(members.all[0]!.native, size, 0);
    this.#members = members;
  }

  override get available(): number {
    return this.#members.live.reduce((sum, { device }) => sum + device.streams.available, 0);
  }

  override async acquire(options: AcquireOptions = {}): Promise<Stream> {
    this.#members.requireOpen();
    const { streams } = this.#members.leastBusy(({ device }) => -device.streams.available).device;
    return streams.acquire(options);
  }
}

/** One of each device. A launch is not tried again: a kernel that lost its device would lose the others. */
class GroupKernel<P extends readonly KernelParameter[]> extends OneKernel<P> {
  readonly #members: Members;
  readonly #kernels: ReadonlyMap<Member, Kernel<P>>;

  constructor(members: Members, kernels: ReadonlyMap<Member, Kernel<P>>) {
    const all = [...kernels.values()];
    const release = () => {
      for (const kernel of all) kernel.dispose();
    };
    super({ release } as never, members.all[0]!.runner, all[0]!.name, all[0]!.parameters);
    this.#members = members;
    this.#kernels = kernels;
  }

  override async launch(options: LaunchOptions, ...args: KernelArguments<P>): Promise<void> {
    const call = (member: Member) => {
      const kernel = this.#kernels.get(member);
      if (kernel !== undefined) return kernel.launch(options, ...args);
      throw new TensorlaneError('ERR_DEVICE_LOST', `kernel ${this.name}: it was compiled when this device was lost`);
    };
    return this.#members.once([options, ...args], `kernel ${this.name}`, call);
  }
}

/** A scope of each device, which end together. */
class GroupScope extends Scope {
  override readonly linalg: LinearAlgebra;
  override readonly ops: TensorOperations;
  readonly #members: Members;
  readonly #scopes: ReadonlyMap<Member, Scope>;
  #end: Promise<void> | undefined;

  constructor(members: Members, scopes: ReadonlyMap<Member, Scope>) {
    super(members.all[0]!.runner);
    this.#members = members;
    this.#scopes = scopes;
    this.linalg = routed(members, (member) => scopes.get(member)!.linalg);
    this.ops = routed(members, (member) => scopes.get(member)!.ops);
  }

  override get disposed(): boolean {
    return this.#end !== undefined;
  }

  override put<T extends NumericDType>(tensor: Tensor<T>, options: OperationOptions = {}): Promise<DeviceTensor<T>> {
    return putOn(this.#members, tensor ?? {}, options, (member) => this.#scopes.get(member)!.put(tensor, options));
  }

  override scope(): Scope {
    return new GroupScope(this.#members, new Map([...this.#scopes].map(([member, scope]) => [member, scope.scope()])));
  }

  override keep<T extends DeviceTensor>(tensor: T): T {
    return this.#of(tensor, 'keep').keep(tensor);
  }

  override add<T extends DeviceTensor>(tensor: T): T {
    return this.#of(tensor, 'add').add(tensor);
  }

  override dispose(): Promise<void> {
    this.#end ??= Promise.all([...this.#scopes.values()].map((scope) => scope.dispose())).then(() => undefined);
    return this.#end;
  }

  /** Of what is no tensor of the group, any says that it is none of its own. */
  #of(tensor: DeviceTensor, what: string): Scope {
    return this.#scopes.get(this.#members.homeOf([tensor], what) ?? this.#members.all[0]!)!;
  }
}
