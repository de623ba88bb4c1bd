// Spans of OpenTelemetry's: one for a request, within whatever the client said was around it (W3C's context), and within that one what became
// of it: its time in the queue, its batch, and what the device computed.
//
// The rule: where @opentelemetry/api is not installed, or nobody records, nothing is made and nothing is kept.

import { createRequire } from 'node:module';
import type * as Api from '@opentelemetry/api';
import type { RequestObserver, StartedBatch } from 'tensorlane';
import { serverName, serverVersion } from '../core/version.js';
import type { RunTrace } from './run-trace.js';

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
export type Header = (name: string) => string | undefined;

/** A request's, which is open. */
export interface RequestSpan {
  /** Does its work within it, and ends it. `ended`: attributes that are known then. */
  around<T>(work: () => Promise<T>, ended: (result: T) => SpanEnd): Promise<T>;
}

export interface SpanEnd {
  readonly attributes?: Api.Attributes;
  readonly hasFailed?: boolean;
}

/** undefined: nobody records. */
export function openSpan(
  name: () => string,
  header: Header,
  attributes: () => Api.Attributes,
): RequestSpan | undefined {
  if (api === undefined) return undefined;
  const getter = {
    get: (_: unknown, key: string) => header(key.toLowerCase()),
    keys: () => ['traceparent', 'tracestate'],
  };
  const own = api;
  const parent = own.propagation.extract(own.context.active(), undefined, getter);
  const span = tracer().startSpan(name(), { kind: own.SpanKind.SERVER }, parent);
  if (!span.isRecording()) return undefined;
  return {
    async around(work, ended) {
      span.setAttributes(attributes());
      const fail = () => span.setStatus({ code: own.SpanStatusCode.ERROR });
      try {
        return await own.context.with(own.trace.setSpan(parent, span), async () => {
          const result = await work();
          const { attributes: more, hasFailed = false } = ended(result);
          if (more !== undefined) span.setAttributes(more);
          if (hasFailed) fail();
          return result;
        });
      } catch (error) {
        fail();
        throw error;
      } finally {
        span.end();
      }
    },
  };
}

/** undefined: nobody records the request around it. */
export function spansOfRun(name: string, version: number): RunTrace | undefined {
  const around = api?.trace.getActiveSpan();
  if (api === undefined || around === undefined || !around.isRecording()) return undefined;
  return new OpenRun(api, { 'tensorlane.model': name, 'tensorlane.version': version });
}

class OpenRun implements RunTrace {
  readonly observer: Required<RequestObserver>;
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
