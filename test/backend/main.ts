// npm run backend: ONNX's backend tests on tensorlane, on onnxruntime-node and on @tensorlane/onnxruntime in its place: a table, and what
// is otherwise than in onnxruntime-node.

import { backendTests, casesIn } from './cases.js';
import { counts, type Engine, results, runBackendTests, unlike, worse } from './run.js';

const tests = backendTests();
if ('missing' in tests) {
  console.error(`The backend tests are not here: ${tests.missing}. Or name their folder in TENSORLANE_BACKEND_TESTS.`);
  process.exit(1);
}
console.log(`${casesIn(tests.folder).length} tests in ${tests.folder}\n`);
const run = (engine: Engine) => runBackendTests(engine, tests.folder);
const own = await run('tensorlane');
const other = await run('onnxruntime-node');
const standIn = await run('@tensorlane/onnxruntime');
const row = (name: string, cells: readonly (string | number)[]) =>
  console.log(name.padEnd(23), ...cells.map((cell) => String(cell).padStart(10)));
row('', results);
row('tensorlane', Object.values(counts(own)));
row('onnxruntime-node', Object.values(counts(other)));
row('@tensorlane/onnxruntime', Object.values(counts(standIn)));
const tried = [...own.values()].filter(({ batched }) => batched !== undefined);
const enabled = tried.filter(({ batched }) => batched!.enabled);
const shared = enabled.filter(({ batched }) => batched!.shared > 0);
console.log(
  `\nwith a free batch: ${tried.length} load, ${enabled.length} are batched, ${shared.length} of them were seen to share batches`,
);
const print = (title: string, lines: readonly string[]) => {
  console.log(`\n${title}: ${lines.length}`);
  for (const line of lines) console.log(`  ${line}`);
};
print(
  'not passed, where onnxruntime-node passes',
  worse(own, other).map(({ name, result, detail }) => `${name}: ${result}: ${detail ?? ''}`),
);
print(
  'otherwise than onnxruntime-node, in its place',
  unlike(standIn, other).map(({ name, result, detail }) => `${name}: ${result}: ${detail ?? ''}`),
);
print(
  'answers that depend on who else asks',
  [...own.values()].flatMap(({ name, wrong, batched }) => [
    ...(wrong === undefined ? [] : [`${name}: ${wrong}`]),
    ...(batched?.wrong === undefined ? [] : [`${name}, with a free batch: ${batched.wrong}`]),
  ]),
);
if (process.argv.includes('--all')) {
  print(
    'all that tensorlane does not pass',
    [...own.values()]
      .filter(({ result }) => result !== 'pass')
      .map(({ name, result, detail }) => `${name}: ${result}: ${detail ?? ''}`),
  );
}
