// Brings a fresh machine to where everything runs, and costs next to nothing when it is there already.
//   node scripts/setup.mjs [test|demo|bench|lint]
// It has no dependencies, because it is what installs them.
import { readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { packages, purposes } from './setup/packages.mjs';
import { inRoot, SetupError, takeLock } from './setup/run.mjs';
import { addon, dependencies, emulatedAddon, typescript, workspaces } from './setup/steps.mjs';

/** Does whatever is still missing for a purpose ('base' builds and no more). Throws a SetupError that says what to do. */
export async function setUp(purpose = 'base') {
  // Sources that do not compile yet can be formatted all the same.
  if (purpose === 'format') return doSteps([dependencies]);
  // Nor need they be built to be looked at.
  if (purpose === 'lint') return doSteps([packages(purpose), dependencies]);
  const system = packages(purpose === 'emulation' ? 'test' : purpose);
  const emulated = purpose === 'emulation' ? [emulatedAddon] : [];
  return doSteps([system, dependencies, addon, ...emulated, typescript, workspaces]);
}

/** Does those of the steps that are not done yet, one set-up at a time. */
export async function doSteps(steps) {
  checkNode();
  if (steps.every((step) => step.done())) return;
  const release = await takeLock();
  try {
    // Asked again one by one: another set-up may have done a step meanwhile, and each step decides what the next ones see.
    for (const step of steps) if (!step.done()) await step.run();
  } finally {
    release();
  }
}

/** For the scripts that begin with a set-up: a failure is told in plain words, without a stack. */
export const setUpOrExit = (purpose) => orExit(() => setUp(purpose));

export async function orExit(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

function checkNode() {
  const wanted = JSON.parse(readFileSync(inRoot('package.json'), 'utf8')).engines.node.replace('>=', '');
  const [major, minor] = wanted.split('.').map(Number);
  const [haveMajor, haveMinor] = process.versions.node.split('.').map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  throw new SetupError(
    `tensorlane needs Node.js ${wanted} or newer; this is ${process.version}. Install a newer one and run this again.`,
  );
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const purpose = process.argv[2] || 'base';
  if (!purposes.includes(purpose)) {
    console.error(`setup: "${purpose}" is none of: ${purposes.join(', ')}`);
    process.exit(2);
  }
  await setUpOrExit(purpose);
}
