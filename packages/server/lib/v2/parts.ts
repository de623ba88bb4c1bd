// The answers of a decoupled model to one request over HTTP, with tensors in bytes as well: an answer of parts (multipart/mixed), each of them what the
// answer to an inference is, with its own headers and length.
//
// The rule: what fails before the first is told as everywhere, and what fails later is the last part, which has its status among its headers.

import { ending } from '../http/events.js';
import { type Answer, type Exchange, lengthOf } from '../http/exchange.js';
import { failureAnswer } from './failure.js';

export const partStatusHeader = 'tensorlane-status';
export const partsType = 'multipart/mixed';
/** What is between parts: their lengths are known, so that it may be in them as well. */
const boundary = 'tensorlane-part';

/** Whether a client asks for several answers. */
export function wantsParts(exchange: Exchange): boolean {
  const accepted = exchange.header('accept') ?? '';
  return accepted.split(',').some((one) => one.split(';')[0]!.trim().toLowerCase() === partsType);
}

/** `answers` is taken to its end, or told that it is not. Errors: those of its first. */
export async function answerInParts(answers: AsyncIterator<Answer>): Promise<Answer> {
  const first = await answers.next();
  const parts = async function* (): AsyncGenerator<string | Uint8Array, void> {
    try {
      for (let next = first; next.done !== true; next = await answers.next()) yield* partOf(next.value);
    } catch (error) {
      const failure = failureAnswer(error);
      yield* partOf({ ...failure, headers: { ...failure.headers, [partStatusHeader]: String(failure.status) } });
    }
    yield `\r\n--${boundary}--\r\n`;
  };
  const headers = { 'content-type': `${partsType}; boundary=${boundary}` };
  return { status: 200, headers, body: '', events: ending(parts(), () => void answers.return?.()) };
}

function* partOf({ headers, body }: Answer): Generator<string | Uint8Array, void> {
  const pieces = typeof body === 'string' ? [Buffer.from(body)] : body;
  const lines = Object.entries({ ...headers, 'content-length': String(lengthOf(pieces)) });
  yield `\r\n--${boundary}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  yield* pieces;
}
