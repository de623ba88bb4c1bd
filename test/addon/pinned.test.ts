// What is fetched of Debian for a package is what it was when its checksum was written down, or it is not taken.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const file = 'pool/main/t/thing/thing_1.0+ds-1_all.deb';
const folder = mkdtempSync(join(tmpdir(), 'tensorlane-pinned-'));
const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

interface Source {
  archive: string;
  files: { file: string; sha256: string }[];
}
const script = fileURLToPath(new URL('../../scripts/setup/debian.mjs', import.meta.url));
const { unpackPinned } = (await import(/* @vite-ignore */ script)) as {
  unpackPinned(source: Source, work: string, options: string[], mirror: string): Promise<void>;
};

/** A package with two files. */
function makePackage(): Buffer {
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'DEBIAN'), { recursive: true });
  writeFileSync(
    join(tree, 'DEBIAN', 'control'),
    'Package: thing\nVersion: 1.0+ds-1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: a thing\n',
  );
  for (const name of ['wanted', 'unwanted']) writeFileSync(join(tree, name), name);
  const deb = join(folder, 'thing.deb');
  execFileSync('dpkg-deb', ['--build', '--root-owner-group', tree, deb], { stdio: 'ignore' });
  return readFileSync(deb);
}

/** A mirror's address; it has this file, or none. */
async function mirror(contents?: Buffer): Promise<string> {
  const server = createServer(({ url }, response) => {
    if (contents === undefined || decodeURIComponent(url ?? '') !== `/debian/${file}`) response.writeHead(404).end();
    else response.end(contents);
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian`;
}

test.runIf(existsSync('/usr/lib/apt/apt-helper'))(
  'a package of the pinned checksum is taken from the mirror, else from the archive, and no other',
  async () => {
    const right = makePackage();
    const wrong = Buffer.concat([right.subarray(0, -1), Buffer.from([right.at(-1)! ^ 1])]);
    const sha256 = createHash('sha256').update(right).digest('hex');
    const [good, bad, empty] = [await mirror(right), await mirror(wrong), await mirror()];
    let count = 0;
    const unpack = async (from: string, archive: string) => {
      const work = join(folder, String(count++));
      await unpackPinned({ archive, files: [{ file, sha256 }] }, work, ['--exclude=./unwanted'], from);
      return ['wanted', 'unwanted'].map((name) => existsSync(join(work, 'root', name)));
    };
    expect(await unpack(good, empty)).toEqual([true, false]);
    expect(await unpack(empty, good)).toEqual([true, false]);
    expect(await unpack(bad, good)).toEqual([true, false]);
    await expect(unpack(bad, empty)).rejects.toThrow(
      /thing_1.0\+ds-1_all.deb could not be had as it was[\s\S]*Hash Sum mismatch[\s\S]*404/,
    );
    expect(existsSync(join(folder, String(count - 1), 'root'))).toBe(false);
  },
  60_000,
);
