// A small S3: objects of one bucket in memory. What it takes has to be signed: it makes each request's signature anew, by Amazon's
// description of version 4 (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).

import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const s3Credentials = { accessKeyId: 'tester', secretAccessKey: 'what only tests know' };

interface Stored {
  readonly bytes: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
}

export class S3Server {
  readonly bucket = 'tensors';
  readonly objects = new Map<string, Stored>();
  readonly requests: string[] = [];
  /** Answers that come before the true ones, the first first. */
  readonly failures: { readonly status: number; readonly code: string }[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<S3Server> {
    const one = new S3Server();
    one.#server.listen(0, '127.0.0.1');
    await once(one.#server, 'listening');
    return one;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    this.requests.push(`${request.method} ${request.url}`);
    const fail = (status: number, code: string) => {
      const message = `it is ${code}`;
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`);
    };
    const planned = this.failures.shift();
    if (planned !== undefined) return fail(planned.status, planned.code);
    const wrong = reasonAgainst(request, body);
    if (wrong !== undefined) return fail(403, wrong);
    const [, bucket, ...rest] = decodeURIComponent(request.url ?? '').split('/');
    if (bucket !== this.bucket) return fail(404, 'NoSuchBucket');
    const key = rest.join('/');
    const found = this.objects.get(key);
    const metadata = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => name.startsWith('x-amz-meta-')),
    ) as Record<string, string>;
    const source = request.headers['x-amz-copy-source'] as string | undefined;
    if (request.method === 'PUT' && source !== undefined) {
      const copied = this.objects.get(decodeURIComponent(source).slice(`/${this.bucket}/`.length));
      if (copied === undefined) return fail(404, 'NoSuchKey');
      this.objects.set(key, { bytes: copied.bytes, metadata });
      response.end('<CopyObjectResult/>');
    } else if (request.method === 'PUT') {
      this.objects.set(key, { bytes: body, metadata });
      response.end();
    } else if (request.method === 'DELETE') {
      this.objects.delete(key);
      response.writeHead(204).end();
    } else if (found === undefined) {
      fail(404, 'NoSuchKey');
    } else {
      response.writeHead(200, found.metadata).end(found.bytes);
    }
  }
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();

/** Why a request is refused, by S3's names; undefined where its signature holds. */
function reasonAgainst(request: IncomingMessage, body: Buffer): string | undefined {
  const pattern =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8}\/[^/]+\/s3\/aws4_request), ?SignedHeaders=([^,]+), ?Signature=(\w{64})$/;
  const [, keyId, scope, signedHeaders, signature] = pattern.exec(request.headers.authorization ?? '') ?? [];
  if (scope === undefined || signedHeaders === undefined) return 'AccessDenied';
  if (keyId !== s3Credentials.accessKeyId) return 'InvalidAccessKeyId';
  const date = String(request.headers['x-amz-date']);
  const sentAt = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(Date.now() - sentAt) < 15 * 60_000)) return 'RequestTimeTooSkewed';
  const list = signedHeaders.split(';');
  const isAmazons = (name: string) => name === 'host' || name.startsWith('x-amz-');
  if (Object.keys(request.headers).some((name) => isAmazons(name) && !list.includes(name))) return 'AccessDenied';
  const hash = String(request.headers['x-amz-content-sha256']);
  if (hash !== 'UNSIGNED-PAYLOAD' && hash !== sha256(body)) return 'XAmzContentSHA256Mismatch';
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const headers = list.map((name) => `${name}:${String(request.headers[name]).trim().replace(/ +/g, ' ')}\n`).join('');
  const sortedQuery = query.split('&').sort().join('&');
  const canonical = [request.method, path, sortedQuery, headers, signedHeaders, hash].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${s3Credentials.secretAccessKey}`);
  return hmac(key, toSign).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch';
}
