// What a call has to show before anything of it is read, how much of it is taken, and how long it may take to send its message.
//
// The rule: what comes is counted as it comes. A message is none of the budget's requests before it is whole, and holds as much all the same.

import type { ServerHttp2Stream } from 'node:http2';
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { Refusal, statuses } from '../core/errors.js';
import type { ByteBudget, Lease } from '../http/budget.js';
import type { Limits } from '../http/limits.js';
import { type Guard, kindOfCall } from '../security/access.js';
import { namesIn } from '../security/tls.js';
import { clientOf, failure, type Sized } from './service.js';

export function guardedCalls(guard: Guard, { requestSeconds }: Limits, budget: ByteBudget): ServerInterceptor {
  return ({ path, requestStream }, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        let timer: NodeJS.Timeout | undefined;
        let arriving: Arriving | undefined;
        const refuse = (error: unknown) => {
          const { code, details, metadata } = failure(error);
          call.sendStatus({
            code: code ?? statuses.INTERNAL.grpc,
            details: details ?? '',
            metadata: metadata ?? new Metadata(),
          });
        };
        next({
          onReceiveMetadata(metadata, nextMetadata) {
            try {
              guard.check(kindOfCall(path), {
                authorization: metadata.get('authorization')[0]?.toString(),
                certificateNames: () => namesIn(call.getAuthContext().sslPeerCertificate ?? {}),
              });
            } catch (error) {
              refuse(error);
              return;
            }
            // A stream's client sends when it likes.
            if (!requestStream) {
              const late = new Refusal('DEADLINE_EXCEEDED', 'the request was not whole in time');
              timer = setTimeout(() => refuse(late), requestSeconds * 1000).unref();
            }
            arriving = new Arriving(call, budget, refuse);
            nextMetadata(metadata);
          },
          onReceiveMessage(message: Sized, nextMessage) {
            // What is called with it takes it within this moment.
            if (requestStream) arriving?.handOver(message.bytes);
            nextMessage(message);
          },
          onReceiveHalfClose(nextHalfClose) {
            clearTimeout(timer);
            arriving?.end();
            nextHalfClose();
          },
          onCancel() {
            clearTimeout(timer);
            arriving?.end();
          },
        });
      },
    });
}

/** What stands before each message. */
const prefixBytes = 5;

/** Of a call, the bytes of messages that are not whole yet. */
class Arriving {
  readonly #lease: Lease;
  readonly #stop: () => void;
  #held = 0;

  /** grpc-js keeps its streams of HTTP/2 to itself. Where they are not found any more, a message is counted when it is whole. */
  constructor(call: ServerInterceptingCallInterface, budget: ByteBudget, refuse: (error: unknown) => void) {
    this.#lease = budget.arriving(clientOf(call));
    const { stream } = call as unknown as { readonly stream?: ServerHttp2Stream };
    let isFirst = true;
    const onData = (part: Uint8Array) => {
      const bytes = isFirst ? Math.max(0, part.length - prefixBytes) : part.length;
      isFirst = false;
      try {
        this.#lease.take(bytes);
        this.#held += bytes;
      } catch (error) {
        this.end();
        refuse(error);
      }
    };
    // Before it is put with what came before. This does not make it flow.
    stream?.prependListener('data', onData);
    this.#stop = () => stream?.off('data', onData);
  }

  /** Of a message that is whole now. */
  handOver(bytes: number): void {
    const given = Math.min(this.#held, bytes + prefixBytes);
    this.#held -= given;
    this.#lease.give(given);
  }

  end(): void {
    this.#stop();
    // It has not been answered, whatever it is.
    this.#lease.give(this.#held);
    this.#held = 0;
    this.#lease.release();
  }
}
