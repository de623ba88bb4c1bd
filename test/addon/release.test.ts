// How a release is published: what the packages say of where they come from, and in which order a registry gets them.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { runNode } from '../support/processes.js';

interface Manifest {
  name: string;
  version: string;
  repository?: unknown;
  dependencies: Record<string, string>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const script = (name: string) => join(root, 'scripts', 'package', name);
const read = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
const folder = mkdtempSync(join(tmpdir(), 'tensorlane-release-'));
const own = read(root);
const others = readdirSync(join(root, 'packages')).map((name) => read(join(root, 'packages', name)));
const { targets } = (await import(/* @vite-ignore */ script('targets.mjs'))) as { targets: { name: string }[] };
const platforms = targets.map(({ name }) => ({ name: `@tensorlane/${name}`, version: own.version }));
const release = [...platforms, own, ...others].map(({ name, version }) => ({ name, version }));

/** What the registry has, as name@version, in the order in which it got it. */
let published: string[] = [];
const server = createServer((request, response) => {
  const path = decodeURIComponent(request.url ?? '').slice(1);
  if (request.method !== 'PUT') {
    const is = published.includes(path.replace(/\/(?=[^/]+$)/, '@'));
    response.writeHead(is ? 200 : 404, { 'content-type': 'application/json' }).end('{}');
    return;
  }
  let body = '';
  request.on('data', (piece) => {
    body += piece;
  });
  request.on('end', () => {
    const { name, 'dist-tags': tags } = JSON.parse(body) as { name: string; 'dist-tags': Record<string, string> };
    for (const [tag, version] of Object.entries(tags)) published.push(`${name}@${version} ${tag}`);
    response.writeHead(201, { 'content-type': 'application/json' }).end('{}');
  });
});
let host = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

/** A folder with tarballs of these, which have nothing in them. */
function packed(name: string, packages: readonly { name: string; version: string }[]): string {
  const to = join(folder, name);
  for (const [i, manifest] of packages.entries()) {
    const contents = join(to, String(i), 'package');
    mkdirSync(contents, { recursive: true });
    writeFileSync(join(contents, 'package.json'), JSON.stringify(manifest));
    execFileSync('tar', ['-czf', join(to, `${i}.tgz`), '-C', join(to, String(i)), 'package']);
  }
  return to;
}

const publish = (tarballs: string) =>
  runNode([script('publish.mjs'), tarballs, `--registry=http://${host}/`, `--//${host}/:_authToken=anybody`], {
    env: { npm_config_userconfig: join(folder, 'npmrc'), npm_config_cache: join(folder, 'cache') },
  });

test("a release goes on where it ended: the platforms' packages first, and what is there is passed over", async () => {
  // In another order than they go.
  const tarballs = packed('whole', [...release].reverse());
  const first = ['@tensorlane/linux-arm64', 'tensorlane', '@tensorlane/server'];
  published = release.filter(({ name }) => !first.includes(name)).map(({ name, version }) => `${name}@${version}`);
  const before = published.length;
  const { code, stdout, stderr } = await publish(tarballs);
  expect(code, stderr).toBe(0);
  expect(published.slice(before)).toEqual(first.map((name) => `${name}@${own.version} latest`));
  expect(stdout).toContain(`publish: @tensorlane/linux-x64@${own.version} is there already`);
});

test('nothing is published of a release that is not whole', async () => {
  const parts = release.filter(({ name }) => name !== '@tensorlane/linux-arm64');
  published = [];
  const { code, stderr } = await publish(
    packed('part', [...parts, { name: '@tensorlane/linux-arm64', version: '0.0.1' }]),
  );
  expect(code).toBe(1);
  expect(stderr).toContain(`lacks @tensorlane/linux-arm64@${own.version}: npm run package`);
  expect(published).toEqual([]);
});

test("all have one version, but for what goes by onnxruntime-node's, and say which repository made them", async () => {
  const { makeWorkspacePackage } = (await import(/* @vite-ignore */ script('workspace.mjs'))) as {
    makeWorkspacePackage(name: string, folder: string): string;
  };
  const { version: ofOnnxRuntime } = read(join(root, 'node_modules', 'onnxruntime-node'));
  vi.stubEnv('GITHUB_SERVER_URL', 'https://example.org');
  vi.stubEnv('GITHUB_REPOSITORY', 'somebody/something');
  for (const { name, version } of others) {
    const short = name.replace('@tensorlane/', '');
    const goesByOther = short === 'onnxruntime';
    expect(version, name).toBe(goesByOther ? ofOnnxRuntime : own.version);
    const { repository, dependencies } = read(makeWorkspacePackage(short, join(folder, short)));
    const url = 'git+https://example.org/somebody/something.git';
    expect(repository).toEqual({ type: 'git', url, directory: `packages/${short}` });
    // What is not published with each version of the library's takes the later ones that break nothing.
    expect(dependencies.tensorlane).toBe(goesByOther ? `^${own.version}` : own.version);
  }
});
