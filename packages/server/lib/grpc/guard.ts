// What a call has to show before anything of it is read, and how long it may take to send its message.

import { Metadata, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { Refusal, statuses } from '../core/errors.js';
import type { Limits } from '../http/limits.js';
import { type Guard, kindOfCall } from '../security/access.js';
import { namesIn } from '../security/tls.js';
import { failure } from './service.js';

export function guardedCalls(guard: Guard, { requestSeconds }: Limits): ServerInterceptor {
  return ({ path, requestStream }, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        let timer: NodeJS.Timeout | undefined;
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
            nextMetadata(metadata);
          },
          onReceiveHalfClose(nextHalfClose) {
            clearTimeout(timer);
            nextHalfClose();
          },
          onCancel() {
            clearTimeout(timer);
          },
        });
      },
    });
}
