// grpc.reflection: tells clients that have no .proto files, as grpcurl, what services and messages there are.
//
// The rule: a file comes with all that it imports, so that what is told can be read by itself.

import type { Server, ServerDuplexStream } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';
import { statuses } from '../core/errors.js';
import { type ProtoFile, protoFiles, protos } from '../core/protos.js';
import { type Around, addService, type Message, type Sized } from './service.js';

const versions = ['grpc.reflection.v1', 'grpc.reflection.v1alpha'];

export function addReflection(server: Server, around: Around): void {
  const ServerReflectionInfo = (stream: ServerDuplexStream<Sized, object>) => {
    stream.on('data', ({ message }: Sized) => stream.write(answer(message)));
    stream.on('end', () => stream.end());
    stream.on('error', () => {});
  };
  for (const version of versions)
    addService(server, `${version}.ServerReflection`, around, {}, { ServerReflectionInfo });
}

function answer(request: Message): object {
  return { valid_host: request.host, original_request: request, ...found(request) };
}

function found(request: Message): object {
  const what = request.message_request as string | undefined;
  const asked = what === undefined ? '' : request[what];
  if (what === 'list_services') {
    return { list_services_response: { service: services().map((name) => ({ name })) } };
  }
  if (what === 'file_by_filename') {
    return files(
      protoFiles().find(({ name }) => name === asked),
      `there is no file '${shown(asked)}'`,
    );
  }
  if (what === 'file_containing_symbol') {
    return files(fileOf(asked), `there is no symbol '${shown(asked)}'`);
  }
  if (what === 'all_extension_numbers_of_type') {
    if (protos().lookup(asked) instanceof protobuf.Type) {
      return { all_extension_numbers_response: { base_type_name: asked, extension_number: [] } };
    }
    return failure('NOT_FOUND', `there is no message '${shown(asked)}'`);
  }
  if (what === 'file_containing_extension') return failure('NOT_FOUND', 'there are no extensions');
  return failure('INVALID_ARGUMENT', 'the request asks for nothing');
}

const shown = (name: string) => name.slice(0, 200);

function failure(status: 'NOT_FOUND' | 'INVALID_ARGUMENT', message: string): object {
  return { error_response: { error_code: statuses[status].grpc, error_message: message } };
}

function services(): string[] {
  const declared = protoFiles().flatMap((file) => file.declared);
  return declared.filter((name) => protos().lookup(name) instanceof protobuf.Service).sort();
}

/** Of a service, a method, a message, a field or an enum, by its full name. */
function fileOf(symbol: string): ProtoFile | undefined {
  const file = protoFiles().find(({ declared }) =>
    declared.some((name) => symbol === name || symbol.startsWith(`${name}.`)),
  );
  if (file === undefined || protos().lookup(symbol) !== null) return file;
  // Methods and fields are no objects of their own.
  const end = symbol.lastIndexOf('.');
  const parent = protos().lookup(symbol.slice(0, end));
  const name = symbol.slice(end + 1);
  const has =
    (parent instanceof protobuf.Service && Object.hasOwn(parent.methods, name)) ||
    (parent instanceof protobuf.Type && Object.hasOwn(parent.fields, name));
  return has ? file : undefined;
}

function files(file: ProtoFile | undefined, missing: string): object {
  if (file === undefined) return failure('NOT_FOUND', missing);
  return { file_descriptor_response: { file_descriptor_proto: [...withImports(file)].map(encoded) } };
}

function withImports(file: ProtoFile, all = new Set<ProtoFile>()): Set<ProtoFile> {
  all.add(file);
  for (const name of file.imports) {
    const imported = protoFiles().find((one) => one.name === name);
    if (imported !== undefined && !all.has(imported)) withImports(imported, all);
  }
  return all;
}

const encodings = new Map<string, Uint8Array>();

function encoded(file: ProtoFile): Uint8Array {
  const known = encodings.get(file.name);
  if (known !== undefined) return known;
  const objects = file.declared.map((name) => protos().lookup(name));
  const those = <T extends protobuf.ReflectionObject>(kind: abstract new (...args: never[]) => T) =>
    objects.filter((one): one is T => one instanceof kind);
  const message = {
    name: file.name,
    package: file.package,
    dependency: file.imports,
    messageType: those(protobuf.Type).map((one) => one.toDescriptor('proto3')),
    enumType: those(protobuf.Enum).map((one) => one.toDescriptor()),
    service: those(protobuf.Service).map((one) => one.toDescriptor()),
    syntax: 'proto3',
  };
  const bytes = descriptor.FileDescriptorProto.encode(message).finish();
  encodings.set(file.name, bytes);
  return bytes;
}
