// Who may ask for what: inference (and all that only looks), and apart from it control, which changes what is served.
//
// The rules: what is not known to be inference is control (core/routes.ts says it of paths). Tokens are compared in a time that does not tell how much of one was right, and are
// never part of a message. Health is for everyone, for who asks has no token at hand: load balancers.

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Refusal } from '../core/errors.js';
import { objectOf, shown, wrongOption } from '../core/options.js';
import type { Kind } from '../core/routes.js';

/** Either of them is enough. */
export interface AccessOptions {
  /** Tokens, each of which is enough: a client sends `Authorization: Bearer TOKEN`. */
  tokens?: readonly string[] | undefined;
  /** A file of them, one a line. */
  tokenFile?: string | undefined;
  /** The environment variable that has one. */
  tokenVariable?: string | undefined;
  /** Names of clients' certificates (of the subject, or alternative ones), of those that `tls.ca` has signed. */
  certificates?: readonly string[] | undefined;
}

export interface AuthOptions {
  /** For whom inference is, and metadata, statistics and metrics; for everyone by default. */
  inference?: AccessOptions | undefined;
  /** For whom it is to load and unload models and to change settings; as `inference` by default. */
  control?: AccessOptions | undefined;
}

/** What a client shows. */
export interface Credentials {
  readonly authorization: string | undefined;
  /** The names of its certificate, where it has one that is trusted. */
  readonly certificateNames: () => readonly string[];
}

const authNames: Readonly<Record<keyof AuthOptions, true>> = { inference: true, control: true };
const accessNames: Readonly<Record<keyof AccessOptions, true>> = {
  tokens: true,
  tokenFile: true,
  tokenVariable: true,
  certificates: true,
};

export class Guard {
  readonly #inference: Access | undefined;
  readonly #control: Access | undefined;

  /** Errors: ERR_ARGUMENT, by the option's name. */
  constructor(options: AuthOptions = {}) {
    objectOf('auth', options, authNames);
    const { inference, control } = options;
    this.#inference = inference === undefined ? undefined : accessOf('auth.inference', inference);
    this.#control = control === undefined ? this.#inference : accessOf('auth.control', control);
  }

  /** Errors: UNAUTHENTICATED (401); PERMISSION_DENIED (403), of who may ask for inference alone. */
  check(kind: Kind, credentials: Credentials): void {
    const access = kind === 'health' ? undefined : kind === 'control' ? this.#control : this.#inference;
    if (access === undefined || access.admits(credentials)) return;
    if (kind === 'control' && this.#inference?.admits(credentials)) {
      throw new Refusal('PERMISSION_DENIED', 'this is for who controls the server alone');
    }
    throw new Refusal(
      'UNAUTHENTICATED',
      'a token is needed, as Authorization: Bearer TOKEN, or a certificate that is known',
    );
  }
}

class Access {
  readonly #tokens: readonly Buffer[];
  readonly #certificates: ReadonlySet<string>;

  constructor(tokens: readonly string[], certificates: readonly string[]) {
    this.#tokens = tokens.map(digest);
    this.#certificates = new Set(certificates);
  }

  admits({ authorization, certificateNames }: Credentials): boolean {
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (token !== undefined) {
      const given = digest(token);
      // Of all of them, whichever it is.
      if (this.#tokens.reduce((found, one) => timingSafeEqual(one, given) || found, false)) return true;
    }
    return this.#certificates.size > 0 && certificateNames().some((name) => this.#certificates.has(name));
  }
}

/** Of one length, whatever the token's is. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function accessOf(name: string, options: AccessOptions): Access {
  const { tokens = [], tokenFile, tokenVariable, certificates = [] } = objectOf(name, options, accessNames);
  for (const [option, list] of Object.entries({ tokens, certificates })) {
    if (!Array.isArray(list) || list.some((one) => typeof one !== 'string' || one === '')) {
      throw wrongOption(`${name}.${option} must be an array of strings`);
    }
  }
  const all = [...tokens, ...tokensOfFile(name, tokenFile), ...tokensOfVariable(name, tokenVariable)];
  if (all.some((token) => /\s/.test(token))) throw wrongOption(`${name}: a token has no blanks in it`);
  // An empty list would let nobody in, and that is seldom what was meant.
  if (all.length + certificates.length === 0) throw wrongOption(`${name} names neither a token nor a certificate`);
  return new Access(all, certificates);
}

function tokensOfFile(name: string, file: string | undefined): string[] {
  if (file === undefined) return [];
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  } catch (error) {
    throw wrongOption(`${name}.tokenFile ${shown(file)} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}

function tokensOfVariable(name: string, variable: string | undefined): string[] {
  if (variable === undefined) return [];
  const token = process.env[variable]?.trim();
  if (!token) throw wrongOption(`${name}.tokenVariable: the environment has no ${shown(variable)}`);
  return [token];
}

const inferenceCalls = new Set([
  'ServerMetadata',
  'ModelReady',
  'ModelMetadata',
  'ModelInfer',
  'ModelStreamInfer',
  'ModelStatistics',
  'ModelConfig',
  'RepositoryIndex',
  'SystemSharedMemoryStatus',
  'CudaSharedMemoryStatus',
  'Predict',
  'Classify',
  'Regress',
  'MultiInference',
  'GetModelMetadata',
  'GetModelStatus',
  'ServerReflectionInfo',
]);

/** Of a call of gRPC, by its path: /package.Service/Method. */
export function kindOfCall(path: string): Kind {
  const [, service, method] = path.split('/');
  if (service === 'grpc.health.v1.Health' || method === 'ServerLive' || method === 'ServerReady') return 'health';
  return inferenceCalls.has(method ?? '') ? 'inference' : 'control';
}
