// Spans of a trace that goes through a queue, beside BullMQ's own: whatever tracer its telemetry is for.

import { SpanKind, type Telemetry } from 'bullmq';

export { SpanKind };

export interface SpanNamed {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes?: Readonly<Record<string, string | number>>;
  /** Whose child it is, as a job carries it; the one that is active by default. */
  readonly parent?: string | undefined;
}

/** Within a span, which has what it throws. */
export async function inSpan<R>(
  telemetry: Telemetry | undefined,
  { name, kind, attributes = {}, parent }: SpanNamed,
  run: () => Promise<R>,
): Promise<R> {
  if (telemetry === undefined) return run();
  const { tracer, contextManager } = telemetry;
  const active = contextManager.active();
  const context = parent === undefined ? active : contextManager.fromMetadata(active, parent);
  const span = tracer.startSpan(name, { kind }, context);
  span.setAttributes(attributes);
  try {
    return await contextManager.with(span.setSpanOnContext(context), run);
  } catch (reason) {
    span.recordException(reason as Error);
    throw reason;
  } finally {
    span.end();
  }
}
