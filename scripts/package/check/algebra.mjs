// The tests of linear algebra on the package's addon: it has an OpenBLAS of its own inside, which no other build is tested with. Debian's
// 0.3.34+ds-2 ended the process where it factored a matrix of 256 columns on two threads.
import path from 'node:path';
import { runProgram } from '../../processes.mjs';
import { inRoot, run } from '../../setup/run.mjs';
import { tarballOf } from './packed.mjs';

/** @type {import('./surroundings.mjs').Check[]} */
export const algebra = [
  {
    name: 'linear algebra, tests',
    async run({ folder }) {
      const unpacked = folder('');
      await run('package', 'tar', ['-xzf', tarballOf('linux-x64'), '-C', unpacked, '--strip-components=1']);
      const vitest = [process.execPath, inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', 'test/linalg'];
      const env = { TENSORLANE_ADDON: path.join(unpacked, 'tensorlane.node') };
      const { ok, output } = await runProgram(vitest, { env, show: false });
      if (!ok) throw new Error(`the tests failed: ${output.trim().slice(-2000)}`);
    },
  },
];
