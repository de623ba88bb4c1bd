// Functions of a model's own, which onnx-proto's schema does not have yet: written by hand, by the field numbers of onnx.proto
// (https://github.com/onnx/onnx): ModelProto.functions 25; FunctionProto name 1, input 4, output 5, node 7, opset_import 9, domain 10.

import proto from 'onnx-proto';

const { onnx } = proto;

function field(number: number, bytes: Uint8Array): Buffer {
  const varint = (value: number): number[] => (value > 127 ? [(value & 127) | 128, ...varint(value >>> 7)] : [value]);
  return Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(bytes.length)]), bytes]);
}

/** A model with a function of this name, which has the inputs, outputs and nodes of another model. */
export function withFunction(
  bytes: Uint8Array,
  domain: string,
  name: string,
  from: Uint8Array,
  opset = 21,
): Uint8Array<ArrayBuffer> {
  const graph = onnx.ModelProto.decode(from).graph!;
  const text = (value: string | null | undefined) => Buffer.from(value ?? '');
  const body = Buffer.concat([
    field(1, text(name)),
    ...graph.input!.map((input) => field(4, text(input.name))),
    ...graph.output!.map((output) => field(5, text(output.name))),
    ...graph.node!.map((one) => field(7, onnx.NodeProto.encode(one).finish())),
    field(9, onnx.OperatorSetIdProto.encode({ domain: '', version: opset }).finish()),
    field(10, text(domain)),
  ]);
  return Uint8Array.from(Buffer.concat([bytes, field(25, body)]));
}
