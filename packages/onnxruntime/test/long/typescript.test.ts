// The package's declarations with older compilers, which npm brings once into the user's cache.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { compiled, typeScriptClient } from '../client.js';

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tensorlane', 'typescript');
const client = await typeScriptClient();
afterAll(() => client.remove());

/** The compiler's folder; undefined where npm does not bring it. */
function compiler(version: string): string | undefined {
  const folder = join(cache, version);
  const typescript = join(folder, 'node_modules', 'typescript');
  if (existsSync(typescript)) return typescript;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  writeFileSync(join(unfinished, 'package.json'), JSON.stringify({ dependencies: { typescript: version } }));
  const patience = ['--prefer-offline', '--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-timeout=30000'];
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...patience];
  const { status, stderr } = spawnSync('npm', args, { cwd: unfinished, encoding: 'utf8', timeout: 300_000 });
  if (status === 0 && !existsSync(folder)) renameSync(unfinished, folder);
  else rmSync(unfinished, { recursive: true });
  if (existsSync(typescript)) return typescript;
  console.warn(`TypeScript ${version} is skipped: npm could not install it: ${stderr.trim().split('\n')[0]}`);
  return undefined;
}

for (const version of ['4.9.5', '5.0.4', '5.4.5', '5.9.3']) {
  const typescript = compiler(version);
  test.skipIf(typescript === undefined)(`a client compiles with TypeScript ${version}`, () => {
    // As it is, and as those have it who have libraries checked by nobody.
    expect(compiled(client.folder, typescript!, { module: 'commonjs' })).toBe('');
    expect(compiled(client.folder, typescript!, { module: 'node16', skipLibCheck: true })).toBe('');
  });
}
