// The messages of the protocols, of protos/*.proto: read once, when they are first needed.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import protoJson from 'protobufjs/ext/protojson.js';
import textFormat from 'protobufjs/ext/textformat.js';
import { TensorlaneError } from 'tensorlane';

/** A .proto file: what it is called in imports, and what it has at its top. */
export interface ProtoFile {
  readonly name: string;
  readonly package: string;
  readonly imports: readonly string[];
  /** Full names. */
  readonly declared: readonly string[];
}

interface Protos {
  readonly root: protobuf.Root;
  readonly files: readonly ProtoFile[];
}

let read: Protos | undefined;

/** Fields have the names of the .proto files. */
export function protos(): protobuf.Root {
  return readOnce().root;
}

export function protoFiles(): readonly ProtoFile[] {
  return readOnce().files;
}

export function messageType(name: string): protobuf.Type {
  return protos().lookupType(name);
}

/** Of text protobuf, or of JSON. What the message has not is refused by its name. Errors: ERR_ARGUMENT: `source` is no `what`. */
export function messageOfText(name: string, text: string, source: string, what = name): protobuf.Message {
  const type = messageType(name);
  try {
    return /^\s*\{/.test(text) ? protoJson.fromJsonString(type, text) : textFormat.fromText(type, text);
  } catch (cause) {
    throw new TensorlaneError('ERR_ARGUMENT', `${source} is no ${what}: ${(cause as Error).message}`, { cause });
  }
}

function readOnce(): Protos {
  read ??= readAll();
  return read;
}

function readAll(): Protos {
  const folder = fileURLToPath(new URL('../../protos/', import.meta.url));
  const root = new protobuf.Root();
  const files: ProtoFile[] = [];
  for (const name of ['any', 'wrappers']) {
    const file = `google/protobuf/${name}.proto`;
    const { nested } = protobuf.common.get(file) as protobuf.INamespace;
    root.addJSON(nested!);
    const within = (nested!.google as protobuf.INamespace).nested!.protobuf as protobuf.INamespace;
    const types = Object.keys(within.nested!);
    const declared = types.map((type) => `google.protobuf.${type}`);
    files.push({ name: file, package: 'google.protobuf', imports: [], declared });
  }
  for (const name of readdirSync(folder)) {
    const source = readFileSync(folder + name, 'utf8');
    protobuf.parse(source, root, { keepCase: true });
    const alone = protobuf.parse(source, { keepCase: true });
    const within = alone.root.lookup(alone.package!) as protobuf.Namespace;
    const declared = within.nestedArray.map((one) => one.fullName.slice(1));
    files.push({ name, package: alone.package!, imports: alone.imports ?? [], declared });
  }
  root.resolveAll();
  return { root, files };
}
