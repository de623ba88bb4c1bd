// Finding and opening devices.

import type { OpenOptions as NativeOptions } from '../../binding.js';
import { addon, noCudaReason, prepareAddon } from '../addon/load.js';
import {
  flag,
  mostThreads,
  namesOf,
  plainObject,
  refuseNul,
  refuseUnknown,
  text,
  wholeNumber,
  wrong,
} from '../core/arguments.js';
import { TensorlaneError, toTensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import { type Affinity, lanesCores } from './affinity.js';
import { OpenedDevice } from './device.js';
import { GroupedDevice } from './group.js';
import type { DeviceInfo } from './info.js';
import type { Device } from './types.js';

export type DeviceName = 'cpu' | 'cuda' | `cuda:${number}`;

/** How a CUDA device's memory is taken. */
export interface MemoryOptions {
  /** The most that this device may hold at once, in bytes. */
  limitBytes?: number | undefined;
  /**
   * The same as a part of the device's memory, from 0 to 1: TensorFlow Serving's per_process_gpu_memory_fraction. Where both are
   * given, the smaller one holds.
   */
  fraction?: number | undefined;
  /**
   * Whether memory is taken as it is needed (the default; TensorFlow's allow_growth), or the limit (without one, what is free)
   * at once when the device is opened.
   */
  growth?: boolean | undefined;
}

export interface OpenOptions {
  /** By default the best that works here. */
  device?: DeviceName | undefined;
  /**
   * Several CUDA devices as one, with `device: 'cuda'`: all that there are, or those of these numbers. Models are replicated, and each
   * batch goes to the device that has the least to do; algebra runs where its operands are. What is said of the device here is said of each.
   */
  devices?: 'all' | readonly number[] | undefined;
  /** Streams (lanes) of the device; by default one for each core that the process may use, two at least, on the CPU, and four on CUDA. */
  streams?: number | undefined;
  /**
   * How many of the streams have the high priority, for `device.streams.acquire({ priority: 'high' })`; 0 by default. Operations
   * without a stream do not run on them. On CUDA the device prefers their work, on the CPU they stand back behind no thread.
   */
  highPriorityStreams?: number | undefined;
  /**
   * What the batches of all models share: each takes `rateLimiter.resources` of its model, 1 by default, while it runs. As many
   * as there are streams by default.
   */
  resources?: number | undefined;
  /** For a CUDA device. */
  memory?: MemoryOptions | undefined;
  /**
   * CPU: cores that linear algebra may use, shared among the operations that run at once; by default all that this process
   * may run on, and no more than its container's limit of CPU time, rounded up. There is one such number a process, so the device opened last decides. With 1, results are the same to the
   * last bit whatever else runs.
   */
  threads?: number | undefined;
  /**
   * Linux: how far the lanes stand back behind the process's other threads, from 0 to 19 as nice(1) has it. On the CPU, by default,
   * by 10 while the process has the cores to itself, so that they take what the JS thread and libuv's leave, and not at all
   * beside other processes that keep the cores busy. On CUDA 0, as they mostly wait.
   */
  niceness?: number | undefined;
  /**
   * Linux: the cores that lanes are bound to, in turns: true gives each a core of its own, [0, 1] the first lane core 0 and the second core 1,
   * [[0, 1], [2, 3]] two cores each. ONNX Runtime's and OpenBLAS's own threads are not bound. By default the system places them.
   */
  affinity?: Affinity | false | undefined;
  /**
   * Path of ONNX Runtime's shared library, or 'newest' for that of the package onnxruntime-node, where a newer one is installed beside. By
   * default the one that the platform's package brings. The first of a process is kept.
   */
  onnxruntime?: string | undefined;
  /**
   * Folder of ONNX Runtime's CUDA provider (libonnxruntime_providers_cuda.so and _shared.so), of the core's very version. By default it is
   * looked for beside the core, where TENSORLANE_ONNXRUNTIME_PROVIDERS says, and where `tensorlane setup cuda` puts it.
   */
  onnxruntimeProviders?: string | undefined;
}

const names = namesOf<OpenOptions>({
  device: true,
  devices: true,
  streams: true,
  highPriorityStreams: true,
  resources: true,
  memory: true,
  threads: true,
  niceness: true,
  affinity: true,
  onnxruntime: true,
  onnxruntimeProviders: true,
});
const memoryNames = namesOf<MemoryOptions>({ limitBytes: true, fraction: true, growth: true });

/**
 * Opens a device: the best GPU that works here, else the CPU, unless one is named.
 *
 * Errors: ERR_NO_DEVICE (the message says what was tried and what to install), ERR_ARGUMENT, ERR_OUT_OF_MEMORY.
 */
export async function open(options: DeviceName | OpenOptions = {}): Promise<Device> {
  const given = typeof options === 'string' ? { device: options } : plainObject('open: options', options);
  refuseUnknown(given, names, 'open');
  const { device } = given;
  const named = typeof device === 'string' ? /^(cpu|cuda)(?::(\d+))?$/.exec(device) : null;
  if (device !== undefined && (named === null || (named[1] === 'cpu' && named[2] !== undefined))) {
    throw new TensorlaneError('ERR_ARGUMENT', `open: device must be 'cpu', 'cuda' or 'cuda:N', got ${shown(device)}`);
  }
  if (given.onnxruntime !== undefined && typeof given.onnxruntime !== 'string') {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `open: onnxruntime must be a path or 'newest', got ${shown(given.onnxruntime)}`,
    );
  }
  refuseNul('open: onnxruntime', given.onnxruntime ?? '');
  text('open: onnxruntimeProviders', given.onnxruntimeProviders);
  const settings = completeOpenOptions(given);
  const devices = checkDevices(given);
  await prepareAddon();
  if (devices !== undefined) return openGroup(devices, settings, given);
  if (named !== null) return openOne(named[1] as 'cpu' | 'cuda', Number(named[2] ?? 0), settings, given);
  const found = await findDevices('open');
  if (found.devices[0]?.kind !== 'cuda') return openOne('cpu', 0, settings, given, found.noCuda);
  try {
    return await openOne('cuda', found.devices[0].index, settings, given);
  } catch (reason) {
    return openOne('cpu', 0, settings, given, (reason as Error).message);
  }
}

/** The devices of this machine, the best first. */
export async function listDevices(): Promise<DeviceInfo[]> {
  await prepareAddon();
  return (await findDevices('listDevices')).devices;
}

/** Once the addon is prepared. */
async function findDevices(what: string) {
  const { findDevices: find } = addon();
  try {
    const { devices, noCuda } = await find();
    return { devices, noCuda: noCudaReason() ?? noCuda };
  } catch (reason) {
    throw toTensorlaneError(reason, `${what}: `);
  }
}

type Settings = Omit<NativeOptions, 'kind' | 'index' | 'niceness' | 'affinity'> & {
  niceness: number | undefined;
  resources: number | undefined;
};

/** Errors: ERR_ARGUMENT. */
function completeOpenOptions(given: OpenOptions): Settings {
  const lanes = wholeNumber('open: streams', given.streams, 0, 1, mostThreads);
  const highPriority = wholeNumber('open: highPriorityStreams', given.highPriorityStreams, 0, 0);
  if (highPriority > 0 && highPriority > lanes) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `open: highPriorityStreams are some of the streams, whose number has to be given: expected at most streams, ` +
        `${given.streams ?? 'which is not given'}, got ${highPriority}`,
    );
  }
  const threads = wholeNumber('open: threads', given.threads, 0, 1, mostThreads);
  const niceness = given.niceness === undefined ? undefined : wholeNumber('open: niceness', given.niceness, 0, 0, 19);
  const memory = plainObject('open: memory', given.memory === undefined ? {} : given.memory);
  refuseUnknown(memory, memoryNames, 'open: memory');
  const { fraction } = memory;
  if (fraction !== undefined && !(typeof fraction === 'number' && fraction > 0 && fraction <= 1)) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `open: memory.fraction must be a number above 0 and at most 1, got ${shown(fraction)}`,
    );
  }
  const limitBytes = wholeNumber('open: memory.limitBytes', memory.limitBytes, 0, 1);
  return {
    lanes,
    highPriority,
    resources: given.resources === undefined ? undefined : wholeNumber('open: resources', given.resources, 1, 1),
    threads,
    niceness,
    memory: { limitBytes, fraction: fraction ?? 0, growth: flag('open: memory.growth', memory.growth, true) },
  };
}

/** Errors: ERR_ARGUMENT. */
function checkDevices({ device, devices }: OpenOptions): 'all' | readonly number[] | undefined {
  if (devices === undefined) return undefined;
  if (device !== 'cuda') throw wrong("open: devices needs device: 'cuda', of which they are", device);
  if (devices === 'all') return devices;
  const areNumbers = Array.isArray(devices) && devices.every((one) => Number.isSafeInteger(one) && one >= 0);
  if (areNumbers && devices.length > 0 && new Set(devices).size === devices.length) return [...devices];
  throw wrong("open: devices must be 'all' or an array of different numbers, at least one", devices);
}

/** Errors: those of `open`; what was opened before one of them is closed again. */
async function openGroup(devices: 'all' | readonly number[], settings: Settings, given: OpenOptions): Promise<Device> {
  const all = devices === 'all' ? (await findDevices('open')).devices.filter(({ kind }) => kind === 'cuda') : [];
  const indices = devices === 'all' ? all.map(({ index }) => index).sort((a, b) => a - b) : devices;
  // Of none, the first says what is missing.
  const opening = (indices.length === 0 ? [0] : indices).map((index) => openOne('cuda', index, settings, given));
  const ended = await Promise.allSettled(opening);
  const opened = ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value as OpenedDevice] : []));
  const failed = ended.find((one) => one.status === 'rejected');
  if (failed === undefined) {
    const { resources, threads } = settings;
    const { onnxruntime, onnxruntimeProviders } = given;
    return new GroupedDevice(opened, { resources, threads, onnxruntime, onnxruntimeProviders });
  }
  await Promise.all(opened.map((one) => one.dispose()));
  throw failed.reason;
}

/** Once the addon is prepared. */
async function openOne(
  kind: 'cpu' | 'cuda',
  index: number,
  settings: Settings,
  given: OpenOptions,
  fallbackReason?: string,
): Promise<OpenedDevice> {
  const { resources, ...others } = settings;
  const { highPriority } = settings;
  const niceness = settings.niceness ?? (kind === 'cpu' ? null : 0);
  const { Device: NativeDevice, threadCores } = addon();
  const affinity = lanesCores(given.affinity, threadCores);
  try {
    const opened = await NativeDevice.open({ ...others, kind, index, niceness, affinity });
    return new OpenedDevice(opened, {
      niceness,
      threads: settings.threads,
      highPriority,
      resources,
      onnxruntime: given.onnxruntime,
      onnxruntimeProviders: given.onnxruntimeProviders,
      fallbackReason,
    });
  } catch (reason) {
    const named = given.devices === undefined ? (given.device ?? kind) : `cuda:${index}`;
    const what = `open: '${named}' cannot be opened: `;
    const failure = toTensorlaneError(reason, what);
    if (kind === 'cpu' || failure.code !== 'ERR_NO_DEVICE') throw failure;
    const told = noCudaReason() === undefined ? failure.message : what + noCudaReason();
    throw new TensorlaneError(failure.code, `${told}; 'cpu' works everywhere`, { cause: reason });
  }
}
