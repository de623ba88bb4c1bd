// The suite of the CUDA device, on the emulated GPU, or on a real one where TENSORLANE_REAL_GPU is set: what the CPU device is
// tested with, and what only a CUDA device has.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { commonJs, inOneProcess } from './vitest.config.js';

const emulated = !process.env.TENSORLANE_REAL_GPU;
// The addon that was built with the C++ tests of the emulated device, for a sanitizer: see test/CMakeLists.txt.
const sanitizer = process.env.TENSORLANE_SANITIZER;
const build = fileURLToPath(new URL(sanitizer ? `build/${sanitizer}/` : 'build/emulation/', import.meta.url));
const addons = sanitizer ? build : `${build}Release/`;

const emulation = {
  TENSORLANE_ADDON: `${addons}tensorlane.node`,
  TENSORLANE_EMULATION: `${addons}emulation_control.node`,
  TENSORLANE_EMULATED_PROVIDER: `${addons}libonnxruntime_providers_emulated.so`,
  TENSORLANE_CUDA_LIBRARIES: `${build}emulated-cuda/lib`,
  EMULATION_DEVICES: '2',
  // Streams dawdle at random, from this seed on.
  EMULATION_DELAYS: process.env.EMULATION_DELAYS ?? '1',
  // Its libraries call OpenBLAS from every stream, whose threads would spin for one another.
  OPENBLAS_NUM_THREADS: '1',
};

const name = emulated ? 'emulation' : 'cuda';
const project = (name: string, test: { include: string[]; isolate?: false }) => ({
  extends: true as const,
  test: { name, maxWorkers: 2, ...test },
});

export default defineConfig({
  plugins: [commonJs],
  test: {
    environment: 'node',
    pool: 'forks',
    execArgv: ['--expose-gc'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    env: {
      TENSORLANE_TEST_DEVICE: process.env.TENSORLANE_TEST_DEVICE ?? 'cuda',
      ...(emulated && emulation),
    },
    projects: [
      project(name, {
        include: [
          'test/cuda/**/*.test.ts',
          'test/reliability/**/*.test.ts',
          'test/binding.test.ts',
          'test/onnxruntime.test.ts',
          'test/open.test.ts',
          'test/streams.test.ts',
          'packages/onnxruntime/test/device.test.ts',
        ],
      }),
      project(`${name}, in one process`, {
        include: inOneProcess.filter((files) => /^test\/(device|linalg|model|ops)\//.test(files)),
        isolate: false,
      }),
    ],
  },
});
