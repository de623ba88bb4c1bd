import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const library = (name: string) => fileURLToPath(new URL(`lib/${name}.ts`, import.meta.url));

/** Vite knows no CommonJS in TypeScript: what it was compiled to is loaded. */
export const commonJs = {
  name: 'commonjs',
  load(id: string) {
    if (!id.endsWith('.cts')) return undefined;
    const compiled = id.replace('/lib/', '/dist/').replace(/\.cts$/, '.cjs');
    return `import { createRequire } from 'node:module'; export default createRequire(${JSON.stringify(compiled)})(${JSON.stringify(compiled)});`;
  },
};

const each = ['test/**/*.test.ts', 'packages/*/test/**/*.test.ts'];
// What only a CUDA device has: vitest.cuda.config.ts.
const others = ['test/long/**', 'test/cuda/**', 'packages/*/test/long/**'];
// The rooms whose tests start nothing that outlives them and change nothing that others see (another addon's ONNX Runtime, say, whose
// environment is the process's): a process takes one file after the other. To load the library anew for each file takes as long as all that they test.
export const inOneProcess = [
  'batching',
  'bench',
  'cli',
  'core',
  'demo',
  'device',
  'gpu',
  'json',
  'linalg',
  'metrics',
  'model',
  'ops',
  'tensor',
].map((room) => `test/${room}/**/*.test.ts`);
// The same of the packages whose modules take longest to load, but for the files that replace modules, or what every file uses, or look
// at all warnings of the process, or at what the JS thread takes: with what other files have left, its garbage takes longer.
const apart = ['batches', 'given', 'grpc-given', 'json-thread', 'sessions', 'triton', 'unreadable'];
const packagesInOneProcess = [`packages/server/test/!(${apart.join('|')}).test.ts`, 'packages/bullmq/test/*.test.ts'];

export default defineConfig({
  plugins: [commonJs],
  // What is counted for `npm run coverage` is lib/ itself; what is tested otherwise is what it was compiled to.
  resolve: {
    alias: process.argv.includes('--coverage')
      ? [
          { find: /^tensorlane$/, replacement: library('index') },
          { find: /^tensorlane\/(.+)$/, replacement: library('$1/index') },
        ]
      : [],
  },
  test: {
    environment: 'node',
    // A process for each file where nothing else is said: what is tested here loads native code, and a crash must end only the file
    // that caused it.
    pool: 'forks',
    // Tests of what the garbage collector gives back have to be able to call it.
    execArgv: ['--expose-gc'],
    // Nothing is judged by them: what hangs should fail, on however busy a machine. A child that hangs is told apart before.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    coverage: {
      provider: 'v8',
      include: ['lib/**'],
      reporter: ['json-summary'],
      reportOnFailure: true,
      reportsDirectory: 'build/coverage-lib',
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: each,
          exclude: [...others, ...inOneProcess, ...packagesInOneProcess],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'fast, in one process',
          include: inOneProcess,
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'fast, packages in one process',
          include: packagesInOneProcess,
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts', 'packages/*/test/long/**/*.test.ts'],
          // They count bytes and simulated time, and start processes: what else runs on the cores does not matter.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
