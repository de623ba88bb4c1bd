// gRPC's reflection, as clients without .proto files use it: from its files alone, a call is made.

import { Client, credentials } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';
import { expect, onTestFinished, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { protos } from '../lib/core/protos.js';
import { folderOf, startServer } from './support.js';

// biome-ignore lint/suspicious/noExplicitAny: what a message has is what its .proto file says
type Message = any;

async function started() {
  const server = await startServer({
    repository: folderOf({ 'm.onnx': square({ features: 2 }) }),
    grpc: '127.0.0.1:0',
  });
  const client = new Client(server.grpcTarget!, credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
}

/** Asks on one stream, one after the other. */
async function reflect(client: Client, version: string, requests: readonly object[]): Promise<Message[]> {
  const type = protos().lookupType(`grpc.reflection.${version}.ServerReflectionRequest`);
  const reply = protos().lookupType(`grpc.reflection.${version}.ServerReflectionResponse`);
  const stream = client.makeBidiStreamRequest(
    `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    (message: object) => Buffer.from(type.encode(type.fromObject(message)).finish()),
    (bytes) => reply.decode(bytes) as Message,
  );
  const replies: Message[] = [];
  stream.on('data', (one: Message) => replies.push(one));
  const ended = new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
  for (const request of requests) stream.write(request);
  stream.end();
  await ended;
  return replies;
}

test.each(['v1', 'v1alpha'])('%s tells what there is', async (version) => {
  const client = await started();
  const [services, file, method, nested, none, missing, extension, nothing] = await reflect(client, version, [
    { list_services: '*' },
    { file_by_filename: 'inference.proto' },
    { file_containing_symbol: 'tensorflow.serving.PredictionService.Predict' },
    { file_containing_symbol: 'inference.ModelInferRequest.InferInputTensor' },
    { file_containing_symbol: 'inference.GRPCInferenceService.NoSuchCall' },
    { file_by_filename: 'none.proto' },
    { file_containing_extension: { containing_type: 'inference.ModelInferRequest', extension_number: 1 } },
    { host: 'here' },
  ]);
  expect(services.list_services_response.service.map(({ name }: Message) => name)).toEqual([
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
    'inference.GRPCInferenceService',
    'tensorflow.serving.ModelService',
    'tensorflow.serving.PredictionService',
  ]);
  const names = ({ file_descriptor_response: response }: Message) =>
    response.file_descriptor_proto.map(
      (bytes: Uint8Array) => (descriptor.FileDescriptorProto.decode(bytes) as Message).name,
    );
  expect(names(file)).toEqual(['inference.proto', 'model_config.proto']);
  expect(names(method)).toEqual([
    'tensorflow_serving.proto',
    'google/protobuf/any.proto',
    'google/protobuf/wrappers.proto',
    'tensorflow.proto',
    'tensorflow_error.proto',
  ]);
  expect(names(nested)[0]).toBe('inference.proto');
  for (const reply of [none, missing, extension]) expect(reply.error_response.error_code).toBe(5);
  expect(nothing).toMatchObject({ valid_host: 'here', error_response: { error_code: 3 } });
});

test('what it tells is enough for a call, and is to the byte what the server speaks', async () => {
  const client = await started();
  const [reply] = await reflect(client, 'v1', [{ file_containing_symbol: 'inference.GRPCInferenceService' }]);
  const file = reply.file_descriptor_response.file_descriptor_proto.map((bytes: Uint8Array) =>
    descriptor.FileDescriptorProto.decode(bytes),
  );
  const root = protobuf.Root.fromDescriptor(descriptor.FileDescriptorSet.create({ file }) as never, { keepCase: true });
  root.resolveAll();
  const { requestType, responseType } = root.lookupService('inference.GRPCInferenceService').methods.ModelInfer!;
  const type = root.lookupType(`inference.${requestType.split('.').at(-1)}`);
  const request = {
    model_name: 'm',
    parameters: { priority: { int64_param: 1 } },
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [3, -4] } }],
  };
  const bytes = Buffer.from(type.encode(type.fromObject(request)).finish());
  const own = protos().lookupType('inference.ModelInferRequest');
  expect(bytes.toString('hex')).toBe(Buffer.from(own.encode(own.fromObject(request)).finish()).toString('hex'));
  const answer = await new Promise<Buffer>((resolve, reject) => {
    const same = (one: Buffer) => one;
    client.makeUnaryRequest('/inference.GRPCInferenceService/ModelInfer', same, same, bytes, (error, got) =>
      error ? reject(error) : resolve(got!),
    );
  });
  const responseMessage = root.lookupType(`inference.${responseType.split('.').at(-1)}`);
  const { raw_output_contents: raw } = responseMessage.decode(answer) as Message;
  expect([...new Float32Array(Uint8Array.from(raw[0]).buffer)]).toEqual([9, 16]);
});
