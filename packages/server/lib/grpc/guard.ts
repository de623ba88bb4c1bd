// What a call has to show before anything of it is read, how much of it is taken, and how long it may take to send its message, and to take
// what is answered.

import type { ServerHttp2Stream } from 'node:http2';
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { Refusal, statuses } from '../core/errors.js';
import type { ByteBudget } from '../http/budget.js';
import type { Limits } from '../http/limits.js';
import { type Guard, kindOfCall } from '../security/access.js';
import { namesIn } from '../security/tls.js';
import { Arriving } from './arriving.js';
import { clientOf, failure } from './service.js';
import { Taking } from './taking.js';

export function guardedCalls(guard: Guard, limits: Limits, budget: ByteBudget): ServerInterceptor {
  return ({ path, requestStream }, call) => {
    let timer: NodeJS.Timeout | undefined;
    let arriving: Arriving | undefined;
    const stream = streamOf(call);
    const taking = new Taking(stream, limits);
    const refuse = (error: unknown) => {
      const { code, details, metadata } = failure(error);
      call.sendStatus({
        code: code ?? statuses.INTERNAL.grpc,
        details: details ?? '',
        metadata: metadata ?? new Metadata(),
      });
    };
    const guarded = new ServerInterceptingCall(call, {
      start(next) {
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
              timer = setTimeout(() => refuse(late), limits.requestSeconds * 1000).unref();
            }
            arriving = new Arriving(stream, budget.arriving(clientOf(call)), limits.stallSeconds * 1000, refuse);
            nextMetadata(metadata);
          },
          onReceiveMessage(message, nextMessage) {
            // What is called with it takes it within this moment; one that comes alone, at its end.
            if (requestStream) arriving?.handOver();
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
            taking.end();
          },
        });
      },
    });
    const send = guarded.sendMessage.bind(guarded);
    // When a message has gone is told to nobody else.
    guarded.sendMessage = (message, callback) => {
      // grpc-js has ended the call by itself, as for a message that it could not read: what is written after that keeps its status back for ever.
      if (stream?.writableEnded) return;
      const taken = taking.sent();
      send(message, () => {
        taken();
        callback();
      });
    };
    return guarded;
  };
}

/** grpc-js keeps its streams of HTTP/2 to itself. Where they are not found any more, its own keepalive has to do. */
function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream | undefined {
  return (call as unknown as { readonly stream?: ServerHttp2Stream }).stream;
}
