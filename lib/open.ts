// Finding and opening devices.

import { Device, type DeviceInfo } from './device.js';
import { TensorlaneError, toTensorlaneError } from './errors.js';
import { refuseUnknown, wholeNumber } from './model/options.js';
import { native } from './native.js';

export type DeviceName = 'cpu' | 'cuda' | `cuda:${number}`;

export interface OpenOptions {
  /** By default the best that works here. */
  device?: DeviceName;
  /** Streams (lanes) of the device; by default one for each core, two at least. */
  streams?: number;
  /**
   * CPU: cores that linear algebra may use, shared among the operations that run at once; by default all that this process
   * may run on. There is one such number a process, so the device opened last decides. With 1, results are the same to the
   * last bit whatever else runs.
   */
  threads?: number;
  /**
   * Linux: how far the lanes stand back behind the process's other threads, from 0 to 19 as nice(1) has it; 19 by default,
   * so that they take what the JS thread and libuv's leave. With less, event-loop delay and fs latency rise under load.
   */
  niceness?: number;
  /** Path of ONNX Runtime's shared library; by default the one inside onnxruntime-node. The first of a process is kept. */
  onnxruntime?: string;
}

const names = new Set(['device', 'streams', 'threads', 'niceness', 'onnxruntime']);
const noCuda = 'this build of tensorlane has no CUDA device';

/**
 * Opens a device: the best GPU that works here, else the CPU, unless one is named.
 *
 * Errors: ERR_NO_DEVICE, ERR_ARGUMENT.
 */
export async function open(options: DeviceName | OpenOptions = {}): Promise<Device> {
  const given: OpenOptions = typeof options === 'string' ? { device: options } : options;
  if (given === null || typeof given !== 'object') {
    throw new TensorlaneError('ERR_ARGUMENT', `open: expected a device name or options, got ${String(given)}`);
  }
  refuseUnknown(given, names, 'open');
  const { device } = given;
  if (device !== undefined && device !== 'cpu') {
    if (typeof device === 'string' && /^cuda(:\d+)?$/.test(device)) {
      throw new TensorlaneError('ERR_NO_DEVICE', `open: '${device}' cannot be opened: ${noCuda}; use 'cpu'`);
    }
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `open: device must be 'cpu', 'cuda' or 'cuda:N', got '${String(device)}'`,
    );
  }
  const lanes = wholeNumber('open: streams', given.streams, 0, 1);
  const threads = wholeNumber('open: threads', given.threads, 0, 1);
  const niceness = wholeNumber('open: niceness', given.niceness, 19, 0);
  if (niceness > 19) throw new TensorlaneError('ERR_ARGUMENT', `open: niceness must be at most 19, got ${niceness}`);
  try {
    const opened = await native.Device.open({ lanes, threads, niceness });
    const fallbackReason = device === undefined ? noCuda : undefined;
    return new Device(opened, { niceness, runtime: given.onnxruntime, fallbackReason });
  } catch (reason) {
    throw toTensorlaneError(reason, 'open: ');
  }
}

/** The devices of this machine. */
export async function listDevices(): Promise<DeviceInfo[]> {
  return native.listDevices();
}
