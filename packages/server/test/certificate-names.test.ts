// Names in a certificate are those that it was signed for, whatever is within one of them.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { namesIn } from '../lib/security/tls.js';
import { folderOf } from './support.js';

test.each([
  ['DNS:alice, URI:spiffe://x/bob, email:c@d, IP Address:1.2.3.4', ['alice', 'spiffe://x/bob', 'c@d', '1.2.3.4']],
  ['URI:"http://x, DNS:alice, DNS:y", DNS:bob', ['http://x, DNS:alice, DNS:y', 'bob']],
  [String.raw`URI:"http://x\u002c DNS:alice", DNS:bob`, ['http://x, DNS:alice', 'bob']],
  [String.raw`URI:"\", DNS:alice, \"", DNS:bob`, ['", DNS:alice, "', 'bob']],
  [String.raw`DNS:bob, URI:"\\", DNS:carol`, ['bob', '\\', 'carol']],
  ['othername:"UPN:a, DNS:alice", othername:UPN:b', ['UPN:a, DNS:alice', 'UPN:b']],
  ['URI:"http://x, DNS:alice', []],
  ['DNS:alice, URI:"a"b"', []],
  [String.raw`DNS:alice, URI:"\x"`, []],
  ['DNS:bob,DNS:alice', []],
  ['', []],
])('of %s', (subjectaltname, names) => {
  expect(namesIn({ subjectaltname })).toEqual(names);
  expect(namesIn({ subjectaltname, subject: { CN: 'm' } as tls.PeerCertificate['subject'] })).toEqual(['m', ...names]);
});

test('of a certificate, as the other end of a connection shows it', async () => {
  const config = `[req]
distinguished_name = dn
x509_extensions = v3
prompt = no
[dn]
CN = mallory
[v3]
subjectAltName = @names
[names]
URI.1 = http://x, DNS:alice, DNS:y
email.1 = "a@b, DNS:alice"
DNS.1 = bob
dirName.1 = other
[other]
O = z, DNS:alice
`;
  const folder = folderOf({ config });
  const at = (name: string) => join(folder, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('key')];
  execFileSync('openssl', ['req', '-x509', ...key, '-out', at('cert'), '-config', at('config')], { stdio: 'ignore' });
  const cert = readFileSync(at('cert'));
  const server = tls.createServer({ cert, key: readFileSync(at('key')) }, (socket) => socket.end());
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const certificate = await new Promise<tls.PeerCertificate>((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', ca: cert, checkServerIdentity: () => undefined }, () => {
      resolve(socket.getPeerCertificate());
      socket.end();
    });
    socket.on('error', reject);
  });
  const names = namesIn(certificate);
  expect(names).toEqual(expect.arrayContaining(['mallory', 'http://x, DNS:alice, DNS:y', 'bob']));
  expect(names).not.toContain('alice');
  expect(names).toHaveLength(5);
});
