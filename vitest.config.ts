import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    // A process for each file: what is tested here loads native code, and a crash must end only the file that caused it.
    pool: 'forks',
    // Tests of what the garbage collector gives back have to be able to call it.
    execArgv: ['--expose-gc'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          // What only a CUDA device has: vitest.cuda.config.ts.
          exclude: ['test/long/**', 'test/cuda/**'],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 60_000,
          // These measure memory and delays, which another test on the same cores would spoil: one at a time, after the others.
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
