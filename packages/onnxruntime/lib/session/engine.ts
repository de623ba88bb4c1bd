// tensorlane, and its devices: one of each kind a thread, opened when a session first needs it, and shared by all its sessions.
//
// The rules it keeps: importing the package loads nothing of it; a device never keeps a process alive; one that could not be opened is tried
// again by the next session.

import type { Device } from 'tensorlane';

type Engine = typeof import('tensorlane', { with: { 'resolution-mode': 'import' }});

const devices = new Map<string, Promise<Device>>();

/** Errors: where it is not installed. */
export function engine(): Engine {
  return require('tensorlane') as Engine;
}

/** `streams` counts where the device is not open yet. Errors: TensorlaneError. */
export function deviceFor(name: 'cpu' | `cuda:${number}`, streams: number | undefined): Promise<Device> {
  let device = devices.get(name);
  if (device === undefined) {
    device = engine().open({ device: name, streams });
    devices.set(name, device);
    device.catch(() => devices.delete(name));
  }
  return device;
}
