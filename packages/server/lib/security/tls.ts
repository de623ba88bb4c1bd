// TLS of both protocols: the server's certificate, and whose clients' are trusted.

import { readFileSync } from 'node:fs';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { objectOf, shown, wrongOption } from '../core/options.js';

export interface TlsOptions {
  /** The file of the server's certificate, and of those between it and the root, as PEM. */
  cert: string;
  /** The file of its key, as PEM. */
  key: string;
  /** The file of the certificates that sign those of clients, as PEM: every client must have one then (mTLS). */
  ca?: string | undefined;
}

export interface Tls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
}

const names: Readonly<Record<keyof TlsOptions, true>> = { cert: true, key: true, ca: true };

/** Errors: ERR_ARGUMENT. */
export function readTls(options: TlsOptions | undefined): Tls | undefined {
  if (options === undefined) return undefined;
  const { cert, key, ca } = objectOf('tls', options, names);
  return { cert: read('cert', cert), key: read('key', key), ca: ca === undefined ? undefined : read('ca', ca) };
}

function read(name: string, file: string): Buffer {
  if (typeof file !== 'string' || file === '')
    throw wrongOption(`tls.${name} must be a file's path, got ${shown(file)}`);
  try {
    return readFileSync(file);
  } catch (error) {
    throw wrongOption(`tls.${name} ${shown(file)} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}

const known = new WeakMap<object, readonly string[]>();

/** Of the certificate of who is at the other end of a socket: none where it has none that is trusted. A connection keeps its own. */
export function certificateNamesOf(socket: object | undefined): readonly string[] {
  const { authorized, getPeerCertificate } = (socket ?? {}) as Partial<TLSSocket>;
  if (socket === undefined || authorized !== true || getPeerCertificate === undefined) return [];
  let found = known.get(socket);
  if (found === undefined) {
    found = namesIn((socket as TLSSocket).getPeerCertificate());
    known.set(socket, found);
  }
  return found;
}

/** The subject's common name, and the alternative names. */
export function namesIn({ subject, subjectaltname }: Partial<PeerCertificate>): readonly string[] {
  const names: readonly (string | undefined)[] = [subject?.CN, alternativeNames(subjectaltname ?? '')].flat();
  return names.filter((name): name is string => name !== undefined && name !== '');
}

/** `KIND:NAME`, in which either part may be quoted as JSON quotes, as Node has it: what is in quotes ends nothing. */
const alternative = /^((?:[^",]|"(?:[^"\\]|\\.)*")+)(?:, |$)/;
const quoted = /"(?:[^"\\]|\\.)*"/g;

/** None, where any of them is not as Node writes them: nobody is let in by what is half understood. */
function alternativeNames(text: string): readonly string[] {
  const names: string[] = [];
  for (let left = text; left !== ''; ) {
    const [whole, one] = alternative.exec(left) ?? [];
    const name = one === undefined ? undefined : unquoted(one.slice(one.indexOf(':') + 1));
    if (name === undefined) return [];
    names.push(name);
    left = left.slice(whole!.length);
  }
  return names;
}

function unquoted(name: string): string | undefined {
  try {
    return name.replace(quoted, (part) => JSON.parse(part) as string);
  } catch {
    return undefined;
  }
}
