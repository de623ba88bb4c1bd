// Answers of which more comes while they are sent: a stream of events.
//
// The rule: whoever takes them takes them to their end or says that it stops; then what makes them ends, and what it held is given back.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Limits } from './limits.js';
import { hangUp } from './node.js';

/** The same, with `ended` called once: when there is nothing more, or nobody takes it any more. */
export function ending<T>(source: AsyncIterator<T>, ended: () => void): AsyncIterableIterator<T> {
  let isOver = false;
  const end = () => {
    if (!isOver) ended();
    isOver = true;
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        const result = await source.next();
        if (result.done === true) end();
        return result;
      } catch (error) {
        end();
        throw error;
      }
    },
    async return() {
      try {
        await source.return?.();
      } finally {
        end();
      }
      return { done: true, value: undefined };
    },
  };
}

/** What the service says of an answer's end. */
interface Ends {
  readonly limits: Pick<Limits, 'stallSeconds'>;
  /** Connections end with the answers that they have. */
  readonly retired: boolean;
}

/** Over node:http. Who takes nothing for too long is cut off; where the server ends meanwhile, so does the connection. Never rejects. */
export async function sendEvents(
  message: IncomingMessage,
  response: ServerResponse,
  events: AsyncIterable<string | Uint8Array>,
  service: Ends,
): Promise<void> {
  for await (const event of events) {
    if (response.destroyed) break;
    if (!response.write(event)) await taken(message, response, service.limits.stallSeconds * 1000);
  }
  response.end(() => {
    if (service.retired && message.httpVersionMajor === 1) message.socket.destroySoon();
  });
}

/** When what was written is gone, or nobody is there any more. */
function taken(message: IncomingMessage, response: ServerResponse, millis: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => hangUp(message), millis);
    const done = () => {
      clearTimeout(timer);
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
