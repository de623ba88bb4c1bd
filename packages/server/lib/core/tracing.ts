// Spans of OpenTelemetry's: one for a request, within whatever the client said was around it (W3C's context), and within that one what became
// of it: its time in the queue, its batch, and what the device computed.
//
// The rule: where @opentelemetry/api is not installed, or nobody records, nothing is made and nothing is kept.

import { createRequire } from 'node:module';
import type * as Api from '@opentelemetry/api';
import type { RequestObserver, StartedBatch } from 'tensorlane';
import type { Answer, Exchange } from '../http/exchange.js';
import { serverName, serverVersion } from './version.js';

const api = installed();

function installed(): typeof Api | undefined {
  try {
    return createRequire(import.meta.url)('@opentelemetry/api') as typeof Api;
  } catch {
    return undefined;
  }
}

/** Made anew by whoever registers a provider later. */
const tracer = () => api!.trace.getTracer(`@${serverName}/server`, serverVersion);

/** Gives a header by its name, as propagators ask for it. */
type Header = (name: string) => string | undefined;

async function traced<T>(
  name: () => string,
  header: Header,
  attributes: () => Api.Attributes,
  work: () => Promise<T>,
  ended: (span: Api.Span, result: T) => void,
): Promise<T> {
  if (api === undefined) return work();
  const getter = {
    get: (_: unknown, key: string) => header(key.toLowerCase()),
    keys: () => ['traceparent', 'tracestate'],
  };
  const parent = api.propagation.extract(api.context.active(), undefined, getter);
  const span = tracer().startSpan(name(), { kind: api.SpanKind.SERVER }, parent);
  if (!span.isRecording()) return work();
  span.setAttributes(attributes());
  try {
    return await api.context.with(api.trace.setSpan(parent, span), async () => {
      const result = await work();
      ended(span, result);
      return result;
    });
  } catch (error) {
    span.setStatus({ code: api.SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

/** A request over HTTP. */
export function tracedRequest(exchange: Exchange, work: () => Promise<Answer>): Promise<Answer> {
  return traced(
    () => `${exchange.method} ${routeOf(exchange.path)}`,
    (name) => exchange.header(name),
    () => ({
      'http.request.method': exchange.method,
      'http.route': routeOf(exchange.path),
      'url.path': exchange.path.slice(0, 200),
    }),
    work,
    (span, { status }) => {
      span.setAttribute('http.response.status_code', status);
      if (status >= 500) span.setStatus({ code: api!.SpanStatusCode.ERROR });
    },
  );
}

/** A call over gRPC, by its path: /package.Service/Method. `header`: of its metadata. What it rejects with becomes its status. */
export function tracedCall<T>(path: string, header: Header, work: () => Promise<T>): Promise<T> {
  return traced(
    () => path.slice(1),
    header,
    () => {
      const [, service, method] = path.split('/');
      return { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method };
    },
    work,
    () => {},
  );
}

/** Of all paths, those that something is at. */
const known = new RegExp(
  [
    '/v2(/health/(live|ready)|/logging|/trace/setting|/repository/index|/models/stats)?',
    '/v2/repository/models/{model}/(load|unload)',
    '/v2/(system|cuda)sharedmemory(/region/{region})?/(status|register|unregister)',
    '/v2/models/{model}(/versions/{version})?(/(infer|generate|generate_stream|ready|stats|config|trace/setting))?',
    '/v1/models/{model}(/versions/{version}|/labels/{label})?(:(predict|classify|regress)|/metadata)?',
    '/(metrics|monitoring/prometheus/metrics|status|openapi.json)?',
  ]
    .map((path) => `^${path.replaceAll('{', '\\{')}$`)
    .join('|'),
  'i',
);

/** A path without what differs from request to request. */
export function routeOf(path: string): string {
  const route = path
    .replace(/^(\/v[12]\/(?:repository\/)?models\/)(?!stats$)[^/:]+/i, '$1{model}')
    .replace(/\/versions\/[^/:]+/i, '/versions/{version}')
    .replace(/\/labels\/[^/:]+/i, '/labels/{label}')
    .replace(/\/region\/[^/]+/i, '/region/{region}');
  return known.test(route) ? route : '/{path}';
}

/** Follows one run of a model. */
export interface RunTrace {
  /** For the run's options. */
  readonly observer: RequestObserver;
  end(error?: unknown): void;
}

/** undefined: nobody records the request around it. */
export function traceRun(name: string, version: number): RunTrace | undefined {
  const around = api?.trace.getActiveSpan();
  if (api === undefined || around === undefined || !around.isRecording()) return undefined;
  return new OpenRun(api, { 'tensorlane.model': name, 'tensorlane.version': version });
}

class OpenRun implements RunTrace {
  readonly observer: RequestObserver;
  readonly #api: typeof Api;
  readonly #around: Api.Context;
  readonly #attributes: Api.Attributes;
  readonly #begun = Date.now();
  readonly #clock = performance.now();
  #batch: { readonly span: Api.Span; readonly context: Api.Context } | undefined;

  constructor(own: typeof Api, attributes: Api.Attributes) {
    this.#api = own;
    this.#around = own.context.active();
    this.#attributes = attributes;
    this.observer = {
      started: (batch) => this.#started(batch),
      ran: ({ deviceMicros }) => {
        if (this.#batch === undefined) return;
        const now = this.#now();
        this.#span('compute', now - deviceMicros / 1000, this.#batch.context).end(now);
      },
    };
  }

  end(error?: unknown): void {
    const now = this.#now();
    // It never ran.
    if (this.#batch === undefined) this.#span('queue', this.#begun).end(now);
    else this.#batch.span.end(now);
    if (error === undefined) return;
    const code = (error as { code?: unknown }).code;
    this.#api.trace.getSpan(this.#around)?.setAttribute('error.type', typeof code === 'string' ? code : 'unknown');
  }

  #started({ requests, rows, reason }: StartedBatch): void {
    const now = this.#now();
    // One that is split, or run again, is in several: its queue ends with the first, and the last is open.
    if (this.#batch === undefined) this.#span('queue', this.#begun).end(now);
    else this.#batch.span.end(now);
    const span = this.#span('batch', now);
    span.setAttributes({
      'tensorlane.batch.requests': requests,
      'tensorlane.batch.rows': rows,
      'tensorlane.batch.closed_by': reason,
    });
    this.#batch = { span, context: this.#api.trace.setSpan(this.#around, span) };
  }

  #span(name: string, startTime: number, parent = this.#around): Api.Span {
    return tracer().startSpan(`tensorlane.${name}`, { startTime, attributes: this.#attributes }, parent);
  }

  /** In milliseconds since 1970, by a clock that is not set. */
  #now(): number {
    return this.#begun + performance.now() - this.#clock;
  }
}
