// A line for a shell that asks a model.
//
// The rule: it works as it is printed, and has no secret in it. A token is read from where the server has it; the server's certificate is trusted as
// it is, under a name that it has. What only a client has is named before the line.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import type { ValueInfo } from 'tensorlane';
import { byType } from '../core/dtypes.js';
import type { Servable } from '../engine/servable.js';
import type { AccessOptions } from '../security/access.js';
import { namesIn, type TlsOptions } from '../security/tls.js';
import type { ServerOptions } from '../server.js';

export interface Line {
  readonly line: string;
  /** What is to be there before it works. */
  readonly needs: readonly string[];
  /** Whether it asks for an answer, and not only for what the model is. */
  readonly infers: boolean;
}

/** What a server lets nobody do without. */
export type Conditions = Pick<ServerOptions, 'tls' | 'auth'>;

/** An inference of zeros (of a matrix, where any rank is taken), with 1 for what is free of the dims. */
export function curlOf(url: string, model: Servable, { tls, auth }: Conditions): Line {
  const { name, inputs, keepsState, decoupled } = model;
  const token = tokenOf(auth?.inference);
  const isByCertificate = tls?.ca !== undefined;
  const { origin, options } = originOf(url, tls);
  const body = JSON.stringify({
    ...(keepsState ? { parameters: { sequence_id: 1, sequence_start: true, sequence_end: true } } : {}),
    inputs: inputs.map(exampleOf),
  });
  const infers = body.length <= 500;
  const at = `${origin}/v2/models/${encodeURIComponent(name)}`;
  const parts = [
    'curl -s',
    ...options,
    ...(isByCertificate ? ['--cert CLIENT.pem --key CLIENT.key'] : []),
    ...(token === undefined ? [] : [`-H "Authorization: Bearer ${token}"`]),
    ...(infers ? [`${at}/infer`, ...(decoupled ? ["-H 'Accept: multipart/mixed'"] : [])] : [at]),
    ...(infers ? [`-d ${quoted(body)}`] : []),
  ];
  const needs = [
    ...(isByCertificate ? ["a client's certificate in CLIENT.pem and its key in CLIENT.key"] : []),
    ...(token === '$TOKEN' ? ['one of the tokens in TOKEN'] : []),
  ];
  return { line: parts.join(' '), needs, infers };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** What a shell reads a token from. Undefined: none is needed, or a certificate is what is. */
function tokenOf(access: AccessOptions | undefined): string | undefined {
  if (access === undefined) return undefined;
  const { tokens = [], tokenFile, tokenVariable } = access;
  if (tokenVariable !== undefined) return `$${tokenVariable}`;
  if (tokenFile !== undefined) return `$(grep -m1 -o '[^[:space:]][^[:space:]]*' ${quoted(path.resolve(tokenFile))})`;
  return tokens.length === 0 ? undefined : '$TOKEN';
}

/** Where curl asks, and what it has to be told of how to get there. */
function originOf(url: string, tls: TlsOptions | undefined): { origin: string; options: readonly string[] } {
  const socket = url.startsWith('unix:') ? url.slice('unix:'.length) : undefined;
  const way = socket === undefined ? [] : [`--unix-socket ${quoted(socket)}`];
  if (tls === undefined) return { origin: socket === undefined ? url : 'http://localhost', options: way };
  const trust = `--cacert ${quoted(path.resolve(tls.cert))}`;
  const { hostname, port } = new URL(socket === undefined ? url : 'https://localhost');
  const name = nameOf(new X509Certificate(readFileSync(tls.cert)), hostname);
  if (socket !== undefined) return { origin: `https://${name}`, options: [...way, trust] };
  if (name === hostname) return { origin: url, options: [trust] };
  return { origin: `https://${name}:${port}`, options: [trust, `--connect-to '::${hostname}:${port}'`] };
}

/** A host that a certificate is of: this one, if it is. */
function nameOf(certificate: X509Certificate, host: string): string {
  const isIts = (name: string) =>
    (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;
  if (isIts(host.replace(/^\[|\]$/g, ''))) return host;
  const common = /^CN=(.*)$/m.exec(certificate.subject)?.[1];
  const names = [...namesIn({ subjectaltname: certificate.subjectAltName ?? '' }), common ?? ''];
  return names.map((name) => name.replace('*', 'any')).find((name) => /^[\w.-]+$/.test(name) && isIts(name)) ?? host;
}

function exampleOf({ name, type, dims }: ValueInfo) {
  // Of any rank: a matrix.
  if (dims === undefined) return { name, datatype: byType.get(type)?.v2, shape: [2, 2], data: [4, 1, 1, 3] };
  const shape = dims.map((dim) => (dim === -1 ? 1 : dim));
  const zero = type === 'string' ? '' : type === 'bool' ? false : 0;
  const length = Math.min(
    shape.reduce((product, dim) => product * dim, 1),
    1000,
  );
  return { name, datatype: byType.get(type)?.v2, shape, data: Array.from({ length }, () => zero) };
}
