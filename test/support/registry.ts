// A registry of npm packages on this machine, with a few tarballs and nothing behind it: what is not in it cannot be had.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';

export interface Manifest {
  readonly name: string;
  readonly version: string;
}

export interface Registry {
  readonly url: string;
  /** The paths that were asked for, in their order. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** Each package has one version; a package without a tarball is only told of. */
export async function startRegistry(packages: ReadonlyMap<string, [Manifest, string | undefined]>): Promise<Registry> {
  const asked: string[] = [];
  let url = '';
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').slice(1);
    asked.push(path);
    const [manifest, tarball] = packages.get(path.replace(/\/-\/.*$/, '')) ?? [];
    if (manifest === undefined || (path.includes('/-/') && tarball === undefined)) {
      response.writeHead(404).end('{}');
    } else if (path.includes('/-/')) {
      response.end(readFileSync(tarball!));
    } else {
      const dist = tarball === undefined ? { tarball: `${url}${path}/-/none.tgz` } : distribution(path, tarball);
      const { name, version } = manifest;
      const about = { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(about));
    }
  });
  const distribution = (name: string, tarball: string) => ({
    tarball: `${url}${name}/-/${basename(tarball)}`,
    integrity: `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    url,
    asked,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
