// The device that the tests run on: the CPU, or what TENSORLANE_TEST_DEVICE names. The same tests run on the CPU, on the emulated
// CUDA device and on a GPU.

import type { DeviceName } from 'tensorlane';

export const testDevice = (process.env.TENSORLANE_TEST_DEVICE ?? 'cpu') as DeviceName;
export const onCuda = testDevice.startsWith('cuda');
/**
 * Whether these are the tests on the emulated GPU, under a sanitizer mostly. What comes in hundreds, and does on the CPU what it does there,
 * comes in fewer.
 */
export const emulated = process.env.TENSORLANE_EMULATION !== undefined;
