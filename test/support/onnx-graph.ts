// ONNX's own structure (values, initializers, nodes, graphs), written as the bytes of a model.

import proto from 'onnx-proto';

const { onnx } = proto;

/** Element types and their numbers in ONNX's TensorProto.DataType. */
export const ELEMENT_TYPES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  complex128: 15,
  bfloat16: 16,
  float8e4m3fn: 17,
  float8e4m3fnuz: 18,
  float8e5m2: 19,
  float8e5m2fnuz: 20,
  uint4: 21,
  int4: 22,
  float4e2m1: 23,
  float8e8m0: 24,
  uint2: 25,
  int2: 26,
} as const;

export type ElementType = keyof typeof ELEMENT_TYPES;
export const elementTypes = Object.keys(ELEMENT_TYPES) as ElementType[];

/** A number is fixed, a string is a named free dimension, null a free dimension without a name. */
export type Dim = number | string | null;

/** What holds a tensor, or what else holds one: a map has keys of this type. */
export type Holder = 'sequence' | 'optional' | 'sparse' | { readonly map: ElementType };

export interface Value {
  readonly name: string;
  readonly type: ElementType;
  /** null: of unknown rank. */
  readonly dims: readonly Dim[] | null;
  /** From the outermost on; nothing for a tensor. */
  readonly in?: readonly Holder[];
}

export interface Initializer {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  /** Elements in row-major order as ONNX stores them: little-endian, 4-bit types packed two a byte. Or where a file has them. */
  readonly data: ArrayBufferView | readonly string[] | { readonly file: string; readonly length: number };
}

export interface Graph {
  readonly name?: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly initializers?: readonly Initializer[];
}

export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly domain?: string;
}

// A bare JS number does not say whether ONNX wants an int or a float, so attributes carry their kind.
export type Attribute =
  | { readonly int: number | bigint }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly tensor: Initializer }
  | { readonly graph: Graph };

export interface ModelOptions {
  /** 21 is the first with every element type above, and ONNX Runtime 1.20 and later accept it. */
  readonly opset?: number;
  readonly irVersion?: number;
}

export function value(name: string, type: ElementType, dims: readonly Dim[] | null, ...holders: Holder[]): Value {
  return { name, type, dims, in: holders };
}

export function initializer(
  name: string,
  type: ElementType,
  dims: readonly number[],
  data: Initializer['data'],
): Initializer {
  return { name, type, dims, data };
}

/** Numbers of int64, as shapes, axes and indices are given. */
export function ints(name: string, ...numbers: readonly (number | bigint)[]): Initializer {
  return initializer(name, 'int64', [numbers.length], BigInt64Array.from(numbers, BigInt));
}

/** One number of int64, without dimensions. */
export function scalar(name: string, number: number): Initializer {
  return initializer(name, 'int64', [], BigInt64Array.of(BigInt(number)));
}

export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
  domain?: string,
): Node {
  return { op, inputs, outputs, attributes, ...(domain !== undefined && { domain }) };
}

/** Serialises a graph. The bytes own their whole ArrayBuffer, so they can be transferred. */
export function model(graph: Graph, { opset = 21, irVersion = 10 }: ModelOptions = {}): Uint8Array {
  const bytes = onnx.ModelProto.encode({
    irVersion,
    producerName: 'tensorlane-onnx-builder',
    opsetImport: [{ domain: '', version: opset }, ...domainsOf(graph).map((domain) => ({ domain, version: 1 }))],
    graph: encodeGraph(graph),
  }).finish();
  // protobufjs takes small results from Node's shared pool.
  return bytes.byteLength === bytes.buffer.byteLength ? new Uint8Array(bytes.buffer) : Uint8Array.from(bytes);
}

/** Of the nodes' operators, beside ONNX's own. */
function domainsOf({ nodes }: Graph): string[] {
  const inner = nodes.flatMap(({ attributes }) =>
    Object.values(attributes).flatMap((attribute) => ('graph' in attribute ? domainsOf(attribute.graph) : [])),
  );
  return [...new Set([...nodes.flatMap(({ domain }) => domain ?? []), ...inner])];
}

function encodeGraph(graph: Graph): proto.onnx.IGraphProto {
  return {
    name: graph.name ?? 'graph',
    input: graph.inputs.map(encodeValue),
    output: graph.outputs.map(encodeValue),
    node: graph.nodes.map(encodeNode),
    initializer: (graph.initializers ?? []).map(encodeTensor),
  };
}

function encodeValue(value: Value): proto.onnx.IValueInfoProto {
  return { name: value.name, type: encodeType(value, value.in ?? []) };
}

function encodeType(value: Value, [holder, ...others]: readonly Holder[]): proto.onnx.ITypeProto {
  if (holder === 'sequence') return { sequenceType: { elemType: encodeType(value, others) } };
  if (holder === 'optional') return { optionalType: { elemType: encodeType(value, others) } };
  if (holder !== undefined && holder !== 'sparse') {
    return { mapType: { keyType: ELEMENT_TYPES[holder.map], valueType: encodeType(value, others) } };
  }
  const elemType = ELEMENT_TYPES[value.type];
  if (value.dims === null) return { tensorType: { elemType } };
  const dim = value.dims.map((d) => (d === null ? {} : typeof d === 'string' ? { dimParam: d } : { dimValue: d }));
  return { [holder === 'sparse' ? 'sparseTensorType' : 'tensorType']: { elemType, shape: { dim } } };
}

function encodeTensor({ name, type, dims, data }: Initializer): proto.onnx.ITensorProto {
  const header = { name, dataType: ELEMENT_TYPES[type], dims: [...dims] };
  if ('file' in data) {
    const place = { location: data.file, offset: '0', length: String(data.length) };
    const externalData = Object.entries(place).map(([key, value]) => ({ key, value }));
    return { ...header, externalData, dataLocation: onnx.TensorProto.DataLocation.EXTERNAL };
  }
  if (!ArrayBuffer.isView(data)) {
    return { ...header, stringData: data.map((s) => Buffer.from(s)) };
  }
  // A view, not a copy: weights can be hundreds of megabytes.
  return { ...header, rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

function encodeNode({ op, inputs, outputs, attributes, domain }: Node): proto.onnx.INodeProto {
  return {
    name: outputs[0] ?? op,
    opType: op,
    domain: domain ?? '',
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([name, a]) => ({ name, ...encodeAttribute(a) })),
  };
}

function encodeAttribute(a: Attribute): proto.onnx.IAttributeProto {
  const { AttributeType } = onnx.AttributeProto;
  if ('int' in a) return { type: AttributeType.INT, i: Number(a.int) };
  if ('ints' in a) return { type: AttributeType.INTS, ints: [...a.ints] };
  if ('float' in a) return { type: AttributeType.FLOAT, f: a.float };
  if ('floats' in a) return { type: AttributeType.FLOATS, floats: [...a.floats] };
  if ('string' in a) return { type: AttributeType.STRING, s: Buffer.from(a.string) };
  if ('strings' in a) {
    return { type: AttributeType.STRINGS, strings: a.strings.map((s) => Buffer.from(s)) };
  }
  if ('tensor' in a) return { type: AttributeType.TENSOR, t: encodeTensor(a.tensor) };
  return { type: AttributeType.GRAPH, g: encodeGraph(a.graph) };
}

/** Uniform floats in (-scale, scale); the same seed gives the same floats everywhere (xorshift32). */
export function randomFloats(length: number, seed: number, scale = 1): Float32Array<ArrayBuffer> {
  const out = new Float32Array(length);
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = (state / 0x80000000) * scale;
  }
  return out;
}
