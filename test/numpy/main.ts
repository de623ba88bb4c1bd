// npm run test:numpy [-- DEVICE]: numpy's own tests of numpy.linalg, which its wheel has, and ours of what the array API standard says of
// linear algebra (array_api_test.py), against device.linalg. Those of known.json
// may fail, and must: it may only shrink (--write writes it anew). Where python3, or what TENSORLANE_PYTHON names, lacks what they
// need, this says so and is skipped.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Told {
  readonly id: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly why: string;
}
interface Known {
  /** Of numpy, whose tests these are. */
  readonly numpy: string;
  readonly failing: Readonly<Record<string, string>>;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const python = process.env.TENSORLANE_PYTHON ?? 'python3';
const asked = spawnSync(python, ['-c', 'import numpy, pytest, hypothesis; print(numpy.__version__)'], {
  encoding: 'utf8',
});
if (asked.status !== 0) {
  const why = asked.error?.message ?? asked.stderr.trim().split('\n').at(-1);
  console.log(`skipped: ${python} has not what numpy's tests need, numpy, pytest and hypothesis (${why})`);
  process.exit(0);
}
const version = asked.stdout.trim();
const [device = 'cpu'] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const child = [process.execPath, '--import', 'tsx', here('child.ts'), device];
const { stdout, stderr, status } = spawnSync(python, [here('run.py'), ...child], {
  encoding: 'utf8',
  maxBuffer: 2 ** 28,
});
const told = stdout
  .split('\n')
  .filter((line) => line.startsWith('{"id"'))
  .map((line) => JSON.parse(line) as Told);
if (status !== 0 || told.length === 0) {
  console.error(`${stdout}\n${stderr}\n${python} ended with ${status}`);
  process.exit(1);
}
const failed = told.filter(({ outcome }) => outcome === 'failed');
const passed = told.filter(({ outcome }) => outcome === 'passed');
const { numpy, failing } = JSON.parse(readFileSync(here('known.json'), 'utf8')) as Known;
const isStandard = ({ id }: Told) => id.startsWith('array API: ');
const count = (which: (one: Told) => boolean) =>
  `${passed.filter(which).length} of ${passed.filter(which).length + failed.filter(which).length}`;
console.log(`numpy ${version}: ${count((one) => !isStandard(one))} of its tests of numpy.linalg pass`);
console.log(`array API: ${count(isStandard)} of our tests of its linear algebra pass`);
if (process.argv.includes('--write')) {
  const all = failed.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(({ id, why }) => [id, why]);
  const known: Known = { numpy: version, failing: Object.fromEntries(all) };
  writeFileSync(here('known.json'), `${JSON.stringify(known, null, 2)}\n`);
  process.exit(0);
}
const worse = failed.filter(({ id }) => failing[id] === undefined);
// Of another numpy the names may be others.
const better = version === numpy ? passed.filter(({ id }) => failing[id] !== undefined) : [];
for (const { id, why } of worse) console.log(`failed: ${id}: ${why}`);
for (const { id } of better) console.log(`passes now, and is to be taken out of known.json: ${id}`);
console.log(`${worse.length} failed that did not before, ${better.length} passed that did not before`);
process.exitCode = worse.length + better.length === 0 ? 0 : 1;
