// Payloads as objects of an S3 bucket, or of what speaks S3's protocol: for workers in other places than Redis' own network, and for tensors
// that are too many for Redis' memory.
//
// S3 has no time to live of its own: when an object expires is in its metadata, and is kept by whoever reads it. A lifecycle rule of the
// bucket removes what nobody deletes; requests are signed by aws4fetch, which users install beside this package.

import type { AwsClient } from 'aws4fetch';
import { TensorlaneError } from 'tensorlane';
import { checkNames, refuse, shown, text } from '../core/checks.js';
import type { PayloadStore } from './store.js';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** They are asked for anew a minute before. */
  readonly expiration?: Date | undefined;
}

export interface S3StoreOptions {
  readonly bucket: string;
  /** Of AWS_REGION, or 'us-east-1', by default. */
  readonly region?: string | undefined;
  /** Of another service than Amazon's, such as MinIO's 'http://minio:9000'. */
  readonly endpoint?: string | undefined;
  /** Of all objects' names; 'tensorlane/' by default. A lifecycle rule of the bucket names it. */
  readonly prefix?: string | undefined;
  /**
   * They, or a function that gives them, such as `fromNodeProviderChain()` of @aws-sdk/credential-providers. By default those of
   * AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
   */
  readonly credentials?: S3Credentials | (() => Promise<S3Credentials>) | undefined;
}

const names = { bucket: true, region: true, endpoint: true, prefix: true, credentials: true } as const;
const expires = 'x-amz-meta-expires';
const renewMs = 60_000;
/** With twice as long between them each time, from 50 ms on: a few seconds. */
const retries = 6;
const busyMicros = 1_000_000;

export class S3Store implements PayloadStore {
  readonly name = 's3';
  readonly #base: string;
  /** As a copy's source is named. */
  readonly #path: string;
  readonly #region: string;
  readonly #credentials: () => Promise<S3Credentials>;
  #client: { readonly made: Promise<AwsClient>; readonly untilMs: number } | undefined;

  /** Errors: ERR_ARGUMENT. */
  constructor(options: S3StoreOptions) {
    checkNames('S3Store', options, names);
    const bucket = text('S3Store: bucket', options.bucket);
    const prefix = options.prefix ?? 'tensorlane/';
    if (!/^[\w./-]*$/.test(prefix))
      refuse(`S3Store: prefix may have letters, digits, '_', '.', '/' and '-', got ${shown(prefix)}`);
    this.#region = text('S3Store: region', options.region ?? process.env.AWS_REGION ?? 'us-east-1');
    const { endpoint, credentials } = options;
    if (endpoint !== undefined && !URL.canParse(endpoint))
      refuse(`S3Store: endpoint must be a URL, got ${shown(endpoint)}`);
    this.#base =
      endpoint === undefined
        ? `https://${bucket}.s3.${this.#region}.amazonaws.com/${prefix}`
        : `${endpoint.replace(/\/$/, '')}/${bucket}/${prefix}`;
    this.#path = `/${bucket}/${prefix}`;
    this.#credentials = typeof credentials === 'function' ? credentials : async () => credentials ?? ofEnvironment();
  }

  /** Errors: ERR_QUEUE_FULL (no space left), ERR_OVERLOADED (told to be slower), ERR_NOT_SUPPORTED (no aws4fetch), ERR_INTERNAL (its own words). */
  async put(key: string, bytes: Uint8Array, expireMs: number): Promise<void> {
    await this.#ask('PUT', key, { headers: { [expires]: `${Date.now() + expireMs}` }, body: bytes });
  }

  /** Errors: those of put. */
  async get(key: string): Promise<Uint8Array | undefined> {
    const response = await this.#ask('GET', key);
    if (response === undefined) return undefined;
    // S3 itself refuses whose clock is wrong by more than 15 minutes.
    const isOver = Number(response.headers.get(expires) ?? Infinity) < Date.now();
    if (!isOver) return new Uint8Array(await response.arrayBuffer());
    await response.body?.cancel();
    return undefined;
  }

  async keep(key: string, _size: number, expireMs: number): Promise<void> {
    // Metadata changes by a copy onto itself, which also begins the lifecycle rule's days anew.
    const headers = {
      'x-amz-copy-source': this.#path + objectName(key),
      'x-amz-metadata-directive': 'REPLACE',
      [expires]: `${Date.now() + expireMs}`,
    };
    await this.#ask('PUT', key, { headers });
  }

  async delete(key: string): Promise<void> {
    await this.#ask('DELETE', key);
  }

  /** undefined where there is no such object. */
  async #ask(
    method: string,
    key: string,
    { headers = {}, body }: { headers?: Record<string, string>; body?: Uint8Array } = {},
  ): Promise<Response | undefined> {
    const url = this.#base + objectName(key);
    const what = `S3Store: ${method} ${url}`;
    const client = await this.#signed();
    const request =
      body === undefined ? { method, headers } : { method, headers, body: body as Uint8Array<ArrayBuffer> };
    const response = await client.fetch(url, request).catch((cause: Error) => {
      const why = (cause.cause as Error | undefined)?.message ?? cause.message;
      throw new TensorlaneError('ERR_INTERNAL', `${what}: ${why}`, { cause });
    });
    if (response.ok && method === 'GET') return response;
    // Of a copy that failed on the way, too: its status was told before.
    const answer = await response.text();
    const code = /<Error>[\s\S]*<Code>([^<]*)<\/Code>/.exec(answer)?.[1];
    if (response.ok && code === undefined) return response;
    if (code === 'NoSuchBucket' || (response.status !== 404 && code !== 'NoSuchKey')) {
      throw failure(`${what}: ${response.status} ${code ?? response.statusText}`, response.status, code, answer);
    }
    return undefined;
  }

  /** A client whose credentials hold. */
  #signed(): Promise<AwsClient> {
    const known = this.#client;
    if (known !== undefined && Date.now() < known.untilMs) return known.made;
    const made = this.#make();
    // Whoever comes meanwhile waits for the same.
    this.#client = { made: made.then(({ client }) => client), untilMs: Infinity };
    made.then(
      ({ client, untilMs }) => {
        this.#client = { made: Promise.resolve(client), untilMs };
      },
      () => {
        this.#client = undefined;
      },
    );
    return this.#client.made;
  }

  async #make(): Promise<{ client: AwsClient; untilMs: number }> {
    const [{ AwsClient }, given] = await Promise.all([load(), this.#credentials()]);
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = given;
    const session = sessionToken === undefined ? {} : { sessionToken };
    const own = { accessKeyId, secretAccessKey, ...session, region: this.#region, service: 's3', retries };
    return {
      client: new AwsClient(own),
      untilMs: expiration === undefined ? Infinity : expiration.getTime() - renewMs,
    };
  }
}

function failure(what: string, status: number, code: string | undefined, answer: string): TensorlaneError {
  const said = /<Message>([^<]*)<\/Message>/.exec(answer)?.[1];
  const message = said === undefined ? what : `${what}: ${said}`;
  const isFull = status === 507 || /QuotaExceeded|StorageFull/.test(code ?? '');
  if (isFull) return new TensorlaneError('ERR_QUEUE_FULL', message, { retryAfterMicros: busyMicros });
  const isBusy = status === 429 || status === 503;
  if (isBusy) return new TensorlaneError('ERR_OVERLOADED', message, { retryAfterMicros: busyMicros });
  return new TensorlaneError('ERR_INTERNAL', message);
}

/** What S3, URLs and signatures have one spelling for. */
function objectName(key: string): string {
  return key.replace(/[^\w-]/gu, (one) => `.${Buffer.from(one).toString('hex')}.`);
}

async function load(): Promise<typeof import('aws4fetch')> {
  try {
    return await import('aws4fetch');
  } catch (cause) {
    const message = 'S3Store: it needs aws4fetch beside this package: npm install aws4fetch';
    throw new TensorlaneError('ERR_NOT_SUPPORTED', message, { cause });
  }
}

function ofEnvironment(): S3Credentials {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = process.env;
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey, sessionToken };
  return refuse('S3Store: expected credentials, or the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
}
