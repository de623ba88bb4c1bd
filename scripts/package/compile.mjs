#!/usr/bin/env node
// What prebuildify runs in place of node-gyp: the addon of one package is compiled by cmake-js, and its symbols are put aside, before
// prebuildify strips it. The environment says what and how, as JSON: { folder, tools, options }.
import path from 'node:path';
import { run } from '../setup/run.mjs';
import { buildAddon } from '../setup/steps.mjs';
import { orExit } from '../setup.mjs';

await orExit(async () => {
  const { folder, tools, options } = JSON.parse(process.env.TENSORLANE_PACKAGE ?? '');
  await buildAddon(path.join(folder, 'build'), 'tensorlane', options);
  const built = path.join(folder, 'build', 'Release', 'tensorlane.node');
  const symbols = path.join(folder, 'tensorlane.node.debug');
  await run('package', `${tools}objcopy`, ['--only-keep-debug', '--compress-debug-sections', built, symbols]);
});
