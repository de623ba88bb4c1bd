// Hosts of their own on one machine: Linux' network namespaces, each with an address and a link to this one. They share its cores, and what
// goes between them goes through the kernel's network as between hosts, without a wire.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Host {
  /** At which it reaches this machine. */
  readonly gateway: string;
  /** Runs Node in it. */
  readonly node: string;
}

export interface Hosts {
  readonly all: readonly Host[];
  remove(): void;
}

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });

/** Why there can be none, as text. */
export function makeHosts(count: number): Hosts | string {
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-hosts-'));
  const names: string[] = [];
  const remove = () => {
    // Its link goes with it.
    for (const name of names) ip('netns', 'delete', name);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const all = Array.from({ length: count }, (_, i) => {
      const name = `tensorlane-${process.pid}-${i}`;
      // A part of the network that is for measurements (RFC 2544).
      const net = `198.18.${process.pid % 250}`;
      const [gateway, own] = [`${net}.${4 * i + 1}`, `${net}.${4 * i + 2}`];
      const [here, there] = [`tlh${process.pid % 100_000}${i}`, `tlt${process.pid % 100_000}${i}`];
      ip('netns', 'add', name);
      names.push(name);
      ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there);
      ip('link', 'set', there, 'netns', name);
      ip('address', 'add', `${gateway}/30`, 'dev', here);
      ip('link', 'set', here, 'up');
      ip('-n', name, 'address', 'add', `${own}/30`, 'dev', there);
      ip('-n', name, 'link', 'set', there, 'up');
      ip('-n', name, 'link', 'set', 'lo', 'up');
      const node = join(folder, `${name}.sh`);
      writeFileSync(node, `#!/bin/sh\nexec ip netns exec ${name} ${process.execPath} "$@"\n`);
      chmodSync(node, 0o755);
      return { gateway, node };
    });
    return { all, remove };
  } catch (reason) {
    remove();
    const { code, stderr } = reason as { code?: string; stderr?: Buffer };
    return code === 'ENOENT'
      ? 'there is no ip (iproute2)'
      : `no network namespaces: ${String(stderr ?? reason).trim()}`;
  }
}
