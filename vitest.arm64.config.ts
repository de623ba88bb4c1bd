// What the device gives, on the package for arm64, in a Node for arm64 that is emulated: `npm run package -- --check "arm64, tests"`.
// Left out are the tests of what no processor changes (the scheduler, the command, packages, documentation), and test/reliability, which
// counts memory and starts processes by the hundred.

import { defineConfig } from 'vitest/config';
import { commonJs } from './vitest.config.js';

// The processes that tests run in are started by this name.
process.execPath = process.env.TENSORLANE_TEST_NODE ?? process.execPath;

export default defineConfig({
  plugins: [commonJs],
  test: {
    name: 'arm64',
    environment: 'node',
    pool: 'forks',
    execArgv: ['--expose-gc'],
    // Emulated, all takes ten times as long and more.
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
    maxWorkers: 2,
    include: [
      'test/device/**/*.test.ts',
      'test/linalg/**/*.test.ts',
      'test/model/**/*.test.ts',
      'test/ops/**/*.test.ts',
      'test/tensor/**/*.test.ts',
      'test/binding.test.ts',
      'test/onnxruntime.test.ts',
      'test/open.test.ts',
      'test/streams.test.ts',
    ],
  },
});
