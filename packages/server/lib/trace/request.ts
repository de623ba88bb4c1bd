// Requests that are traced: by spans of OpenTelemetry's where somebody records, and in the trace file where there is one.
//
// The rule: which they are, the settings say; of those that nobody would have, nothing is counted and nothing is made.

import { AsyncResource } from 'node:async_hooks';
import { placeOf } from '../core/routes.js';
import { ending } from '../http/events.js';
import type { Answer, Exchange } from '../http/exchange.js';
import { RequestRecord } from './record.js';
import type { Tracing } from './settings.js';
import { type Header, openSpan, type RequestSpan, type SpanEnd } from './spans.js';

interface Traced<T> {
  readonly tracing: Tracing;
  /** What it infers with; undefined: it is no inference. */
  readonly model: string | undefined;
  readonly span: RequestSpan | undefined;
  readonly protocol: 'HTTP' | 'GRPC';
  work(record: RequestRecord | undefined): Promise<T>;
  ended(result: T): SpanEnd;
}

function traced<T>({ tracing, model, span, protocol, work, ended }: Traced<T>): Promise<T> {
  const file = model === undefined ? undefined : tracing.file;
  if ((span === undefined && file === undefined) || !tracing.samples(model)) return work(undefined);
  const record = file && new RequestRecord(file, protocol);
  const own = () => work(record);
  const spanned = span === undefined ? own : () => span.around(own, ended);
  return record === undefined ? spanned() : record.around(spanned);
}

/** A request over HTTP. One that is answered by a stream of events has ended when the stream has, though its answer is there sooner. */
export function tracedRequest(
  tracing: Tracing,
  exchange: Exchange,
  work: (exchange: Exchange) => Promise<Answer>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const whole = async (own: Exchange) => {
      const answer = await work(own);
      const { events } = answer;
      if (events !== undefined) {
        await new Promise<void>((ended) => {
          resolve({ ...answer, events: ending(inThisContext(events), ended) });
        });
      }
      return answer;
    };
    traceExchange(tracing, exchange, whole).then(resolve, reject);
  });
}

/** Whoever asks for what comes next: it is part of the request, and what it runs is found to be. */
function inThisContext<T>(events: AsyncIterator<T>): AsyncIterator<T> {
  return {
    next: AsyncResource.bind(() => events.next()),
    return: AsyncResource.bind(async () => (await events.return?.()) ?? { done: true, value: undefined }),
  };
}

function traceExchange(
  tracing: Tracing,
  exchange: Exchange,
  work: (exchange: Exchange) => Promise<Answer>,
): Promise<Answer> {
  const { method, path } = exchange;
  const place = placeOf(path);
  const template = place?.path ?? '/{path}';
  const span = openSpan(
    () => `${method} ${template}`,
    (name) => exchange.header(name),
    () => ({ 'http.request.method': method, 'http.route': template, 'url.path': path.slice(0, 200) }),
  );
  return traced({
    tracing,
    model: method === 'POST' && infers.test(template) ? decoded(place!.free.model!) : undefined,
    span,
    protocol: 'HTTP',
    work: (record) => work(record === undefined ? exchange : timed(exchange, record)),
    ended: ({ status }) => ({
      attributes: { 'http.response.status_code': status },
      hasFailed: status >= 500,
    }),
  });
}

const infers = /(\/(infer|generate|generate_stream)|:(predict|classify|regress))$/;

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** Marks when its body was there. */
function timed(exchange: Exchange, record: RequestRecord): Exchange {
  record.mark('HTTP_RECV_START', exchange.startedAt);
  return {
    method: exchange.method,
    path: exchange.path,
    startedAt: exchange.startedAt,
    header: (name) => exchange.header(name),
    take: (bytes) => exchange.take(bytes),
    get signal() {
      return exchange.signal;
    },
    async body(head) {
      const bytes = await exchange.body(head);
      record.mark('HTTP_RECV_END');
      return bytes;
    },
  };
}

interface TracedCall<T> {
  readonly tracing: Tracing;
  /** /package.Service/Method */
  readonly path: string;
  readonly model: string | undefined;
  /** Of its metadata. */
  readonly header: Header;
  work(): Promise<T>;
}

/** A call over gRPC, or one request of a stream. What it rejects with becomes its status. */
export function tracedCall<T>({ tracing, path, model, header, work }: TracedCall<T>): Promise<T> {
  const span = openSpan(
    () => path.slice(1),
    header,
    () => {
      const [, service, method] = path.split('/');
      return { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method };
    },
  );
  return traced({
    tracing,
    model,
    span,
    protocol: 'GRPC',
    work: (record) => {
      record?.mark('GRPC_WAITREAD_END');
      return work();
    },
    ended: () => ({}),
  });
}
