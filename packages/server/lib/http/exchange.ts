// A request and its answer, as protocols see them, whatever server, framework or socket they came through.

import { allowedAt, type Place } from '../core/routes.js';

export interface Exchange {
  readonly method: string;
  /** As it was sent: percent-encoded, without the query. */
  readonly path: string;
  /** By names in lower case. */
  header(name: string): string | undefined;
  /** When it came, by performance.now(). */
  readonly startedAt: number;
  /** Aborts when the client hangs up. */
  readonly signal: AbortSignal;
  /**
   * The body, decompressed. With `head` its bytes after so many lie so that numbers of 64 bits can be read where they are. To be asked for
   * once. Errors: Refusal (too large, cut off, no room, an encoding that is not known).
   */
  body(head?: number): Promise<Uint8Array>;
  /** What it holds besides its body. Errors: as of a lease. */
  take(bytes: number): void;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent one after the other. */
  readonly body: string | readonly Uint8Array[];
  /** What is sent in place of a body, as it comes. It is taken to its end, or told that it is not; and tells failures itself. */
  readonly events?: AsyncIterableIterator<string | Uint8Array> | undefined;
}

/** Gives the answer to what it is asked; undefined, where the path is none of its own. */
export type Protocol = (exchange: Exchange) => Promise<Answer> | undefined;

export function jsonAnswer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return textAnswer(status, JSON.stringify(body), headers);
}

/** Of JSON that is text already, whole or in parts that follow each other. */
export function textAnswer(
  status: number,
  json: string | readonly (string | Uint8Array)[],
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: joined(json) };
}

function joined(json: string | readonly (string | Uint8Array)[]): Answer['body'] {
  if (typeof json === 'string') return json;
  return json.every((part) => typeof part === 'string') ? json.join('') : bytesIn(json);
}

/** What follows each other as text in one piece, what is bytes where it lies. */
export function bytesIn(parts: readonly (string | Uint8Array)[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let text = '';
  for (const part of [...parts, new Uint8Array()]) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    if (text !== '') pieces.push(Buffer.from(text));
    text = '';
    if (part.length > 0) pieces.push(part);
  }
  return pieces;
}

/** Parts of fewer bytes together are sent soonest as one. */
export const leastUncopied = 65_536;

export function lengthOf(body: readonly Uint8Array[]): number {
  return body.reduce((sum, part) => sum + part.length, 0);
}

export function emptyAnswer(status: number): Answer {
  return { status, headers: {}, body: '' };
}

export function wrongMethod(place: Place): Answer {
  const methods = place.routes.map(({ method }) => method).join(', ');
  return jsonAnswer(405, { error: `this path takes ${methods}` }, { allow: allowedAt(place) });
}

/** Retry-After is in whole seconds. */
export function retryAfter(micros: number | undefined, status: number): Readonly<Record<string, string>> {
  if (micros === undefined && status !== 503) return {};
  return { 'retry-after': String(Math.max(1, Math.ceil((micros ?? 0) / 1e6))) };
}
