// How much of the code the tests run: `npm run coverage`. One table at the end, a line for each room.
//   lib/      by the TypeScript tests on the CPU device
//   native/   by its C++ tests, and by the TypeScript tests on the emulated GPU
//   cuda/     by its C++ tests and the TypeScript tests on the emulated GPU
// The long tests are left out. A crash or a forced end of a process loses what it has counted.
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ask, inRoot, runProgram } from './processes.mjs';
import { setUpOrExit } from './setup.mjs';
import { buildTests, runTests, testBuild } from './test/native.mjs';
import { runVitest } from './test/vitest.mjs';

const say = (line) => console.log(`coverage: ${line}`);
const build = testBuild('coverage');
const failures = [];

async function part(name, work) {
  say(`${name} ...`);
  const result = await work();
  if (result) failures.push(...result.failures.map((failure) => `${name}: ${failure}`));
}

await setUpOrExit('coverage');
for (const target of ['tensorlane_tests', 'emulation_tests', 'addon'])
  await part(`building ${target}`, () => buildTests(target, 'coverage', say));
// What another run has counted.
await runProgram(['find', build, '-name', '*.gcda', '-delete']);
rmSync(inRoot('build', 'coverage-lib'), { recursive: true, force: true });

await part('TypeScript on the CPU', () => runVitest(['--project', 'fast*', '--coverage'], { report: say }));
await part('C++ native', () => runTests('native', 'coverage', say));
await part('C++ emulation', () => runTests('emulation', 'coverage', say));
await part('TypeScript on the emulated GPU', () =>
  runVitest(['--config', 'vitest.cuda.config.ts', '--exclude', 'test/reliability/**'], {
    env: { TENSORLANE_SANITIZER: 'coverage' },
    report: say,
  }),
);

const rooms = new Map();
function count(file, covered, total) {
  if (total === 0) return; // a file of exports only
  const room = path.dirname(file);
  const sum = rooms.get(room) ?? { covered: 0, total: 0 };
  rooms.set(room, { covered: sum.covered + covered, total: sum.total + total });
}
const library = JSON.parse(readFileSync(inRoot('build', 'coverage-lib', 'coverage-summary.json'), 'utf8'));
for (const [file, { lines }] of Object.entries(library))
  if (file !== 'total') count(path.relative(inRoot(), file), lines.covered, lines.total);
const counted = ask(
  'gcovr',
  ...['--root', inRoot(), '--object-directory', build, '--json-summary', '-', '-j', '2'],
  ...['--filter', inRoot('native/'), '--filter', inRoot('cuda/'), build],
);
if (counted === undefined) failures.push('gcovr failed');
else for (const file of JSON.parse(counted).files) count(file.filename, file.line_covered, file.line_total);

const shown = (name, { covered, total }) =>
  console.log(`${name.padEnd(24)} ${((100 * covered) / total).toFixed(1).padStart(5)} %  ${covered} of ${total} lines`);
console.log();
for (const top of ['lib', 'native', 'cuda']) {
  const own = [...rooms].filter(([room]) => room === top || room.startsWith(`${top}/`)).sort();
  for (const [room, sum] of own) shown(room, sum);
  const all = own.reduce((a, [, b]) => ({ covered: a.covered + b.covered, total: a.total + b.total }), {
    covered: 0,
    total: 0,
  });
  shown(`${top}, all of it`, all);
  console.log();
}
for (const failure of failures) console.log(`failed: ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;
