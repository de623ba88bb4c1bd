// The messages of the protocols, of protos/*.proto: read once, when they are first needed.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

let root: protobuf.Root | undefined;

/** Fields have the names of the .proto files. */
export function protos(): protobuf.Root {
  if (root !== undefined) return root;
  const folder = fileURLToPath(new URL('../../protos/', import.meta.url));
  const all = new protobuf.Root();
  for (const name of ['any', 'wrappers']) {
    const { nested } = protobuf.common.get(`google/protobuf/${name}.proto`) as protobuf.INamespace;
    all.addJSON(nested!);
  }
  for (const name of readdirSync(folder)) {
    protobuf.parse(readFileSync(folder + name, 'utf8'), all, { keepCase: true });
  }
  all.resolveAll();
  root = all;
  return all;
}

export function messageType(name: string): protobuf.Type {
  return protos().lookupType(name);
}
