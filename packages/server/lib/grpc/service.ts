// A service of the .proto files as grpc-js serves it: what each call does, with its deadline, its cancelling and its failures.
//
// The rule: a handler is given what the call brings in one shape, and whatever it throws becomes the status of the one table of errors.

import {
  type handleBidiStreamingCall,
  Metadata,
  type Server,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import type protobuf from 'protobufjs';
import { statuses, told } from '../core/errors.js';
import { protos } from '../core/protos.js';
import type { ByteBudget } from '../http/budget.js';
import type { Log } from '../log/log.js';
import { tracedCall } from '../trace/request.js';
import type { Tracing } from '../trace/settings.js';

/** What a call brings besides its message. */
export interface Call {
  /** Aborts when the client cancels. */
  readonly signal: AbortSignal;
  /** Of the client's time, what is left now; undefined: it waits. */
  deadlineMicros(): number | undefined;
  /** What it holds besides its message. Errors: as of a lease. */
  take(bytes: number): void;
}

// biome-ignore lint/suspicious/noExplicitAny: what a message has is what its .proto file says
export type Message = any;
export type UnaryHandler = (request: Message, call: Call) => Promise<object> | object;
export type StreamHandler = handleBidiStreamingCall<Sized, object>;

/** A message, and how many bytes it came in. */
export interface Sized {
  readonly message: Message;
  readonly bytes: number;
}

/** What calls go through, whatever they are. */
export interface Around {
  readonly budget: ByteBudget;
  readonly tracing: Tracing;
  readonly log: Log;
}

/** `name` is the service's full name; streams are given as they are. Methods without a handler are UNIMPLEMENTED. */
export function addService(
  server: Server,
  name: string,
  around: Around,
  unary: Readonly<Record<string, UnaryHandler>>,
  // biome-ignore lint/suspicious/noExplicitAny: grpc-js has a type for each kind of stream
  streams: Readonly<Record<string, any>> = {},
): void {
  const service = protos().lookupService(name);
  const definitions = Object.fromEntries(
    service.methodsArray.map((method) => [method.name, definitionOf(name, method)]),
  );
  const handlers = Object.entries(unary).map(([method, handler]) => [method, unaryCall(handler, around)]);
  server.addService(definitions as ServiceDefinition, { ...Object.fromEntries(handlers), ...streams });
}

function definitionOf(service: string, method: protobuf.Method) {
  const request = method.resolvedRequestType!;
  const response = method.resolvedResponseType!;
  const decode = (type: protobuf.Type) => (bytes: Buffer) => type.decode(bytes);
  const encode = (type: protobuf.Type) => (message: object) => Buffer.from(type.encode(message).finish());
  return {
    path: `/${service}/${method.name}`,
    requestStream: method.requestStream === true,
    responseStream: method.responseStream === true,
    requestSerialize: encode(request),
    requestDeserialize: (bytes: Buffer): Sized => ({ message: request.decode(bytes), bytes: bytes.length }),
    responseSerialize: encode(response),
    responseDeserialize: decode(response),
  };
}

interface UnaryCall {
  readonly request: Sized;
  readonly metadata: Metadata;
  getPath(): string;
  getPeer(): string;
  getDeadline(): Date | number;
  on(event: 'cancelled', listener: () => void): unknown;
}

function unaryCall(handler: UnaryHandler, { budget, tracing, log }: Around) {
  return async (call: UnaryCall, callback: (error: Partial<ServiceError> | null, reply?: object) => void) => {
    const client = clientOf(call);
    const lease = budget.lease(client);
    const path = call.getPath();
    const started = performance.now();
    const ended = (status: string) => log.call(path, status, performance.now() - started, client);
    try {
      const { message, bytes } = call.request;
      lease.take(bytes);
      const work = async () => handler(message, { ...callOf(call), take: (more) => lease.take(more) });
      const model = modelIn(path, message);
      const reply = await tracedCall({ tracing, path, model, header: headerOf(call.metadata), work });
      ended('OK');
      callback(null, reply);
    } catch (error) {
      ended(told(error).status);
      callback(failure(error));
    } finally {
      lease.release();
    }
  };
}

const inferring = /\/(ModelInfer|ModelStreamInfer|Predict|Classify|Regress|MultiInference)$/;

/** What a call infers with; undefined: it is no inference. */
export function modelIn(path: string, message: Message): string | undefined {
  if (!inferring.test(path)) return undefined;
  return message.model_name ?? (message.model_spec ?? message.tasks?.[0]?.model_spec)?.name ?? '';
}

export const headerOf = (metadata: Metadata) => (name: string) => metadata.get(name)[0]?.toString();

/** Whose it is, for limits: an address, or whoever came by a UNIX socket. */
export function clientOf(call: Pick<UnaryCall, 'getPeer'>): string {
  const peer = call.getPeer();
  return peer === 'unknown' ? 'local' : peer.replace(/:\d+$/, '');
}

/** Of a call of whatever kind. */
export function callOf(call: Pick<UnaryCall, 'getDeadline' | 'on'>): Omit<Call, 'take'> {
  const cancelled = new AbortController();
  call.on('cancelled', () => cancelled.abort());
  return {
    signal: cancelled.signal,
    deadlineMicros: () => {
      const left = Number(call.getDeadline()) - Date.now();
      return Number.isFinite(left) ? Math.max(0, left) * 1000 : undefined;
    },
  };
}

/** grpc-retry-pushback-ms is what clients look at that try again by themselves. */
export function failure(error: unknown): Partial<ServiceError> {
  const { status, message, retryAfterMicros } = told(error);
  const metadata = new Metadata();
  if (retryAfterMicros !== undefined)
    metadata.set('grpc-retry-pushback-ms', String(Math.ceil(retryAfterMicros / 1000)));
  return { code: statuses[status].grpc, details: sendable(message), metadata };
}

/**
 * More than this, percent-encoded, is more than clients take of trailers; what they get in place of it tells them nothing. Half of a character
 * that is two in UTF-16, as where a name was cut, cannot be encoded.
 */
const mostDetails = 2000;

function sendable(message: string): string {
  const bytes = Buffer.from(message);
  if (bytes.length <= mostDetails) return bytes.toString();
  // A character that is cut has at most three bytes there.
  return `${bytes.toString('utf8', 0, mostDetails).replace(/\uFFFD{1,3}$/, '')}...`;
}
