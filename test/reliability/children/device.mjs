// The device that the children work with, as ../../support/device.ts has it.

export const testDevice = process.env.TENSORLANE_TEST_DEVICE ?? 'cpu';
