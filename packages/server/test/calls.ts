// Calls of gRPC in tests, by the .proto files of the package.

import { Client, type ClientOptions, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { protos } from '../lib/core/protos.js';

// biome-ignore lint/suspicious/noExplicitAny: what a message has is what its .proto file says
type Message = any;

/** Until the test has ended. */
export function grpcClient(target: string, creds = credentials.createInsecure(), options: ClientOptions = {}): Client {
  const client = new Client(target, creds, { 'grpc.max_receive_message_length': -1, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** `path`: package.Service/Method. */
export function call(
  client: Client,
  path: string,
  request: object = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Message> {
  const [service, name] = path.split('/') as [string, string];
  const method = protos().lookupService(service).methods[name]!;
  method.resolve();
  const { resolvedRequestType, resolvedResponseType } = method;
  const metadata = new Metadata();
  for (const [header, value] of Object.entries(headers)) metadata.set(header, value);
  const bytes = resolvedRequestType!.encode(resolvedRequestType!.fromObject(request)).finish();
  const same = (one: Buffer) => one;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(`/${path}`, same, same, Buffer.from(bytes), metadata, (error, reply) => {
      if (error) reject(error);
      else resolve(resolvedResponseType!.toObject(resolvedResponseType!.decode(reply!), { longs: String }));
    });
  });
}

/** What a call fails with: its code. */
export async function codeOf(promise: Promise<unknown>): Promise<number> {
  return promise.then(
    () => 0,
    (error: ServiceError) => error.code,
  );
}

/** An inference of floats under the name `x`, raw. */
export const inferOf = (model: string, data: readonly number[], shape = [1, data.length]) => ({
  model_name: model,
  inputs: [{ name: 'x', datatype: 'FP32', shape }],
  raw_input_contents: [new Uint8Array(Float32Array.from(data).buffer)],
});
