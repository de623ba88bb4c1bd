// What a model's inputs and outputs are, in tensorlane's words and in ONNX Runtime's.

import type { DType, TensorType, ValueInfo, ValueType } from 'tensorlane';

export type TensorInfo = { readonly name: string } & TensorType;

export function isTensorInfo(info: ValueInfo): info is TensorInfo {
  return 'dimNames' in info;
}

/** A type as ONNX Runtime's messages have it: 'tensor(float)', 'seq(tensor(int64))'. */
export function typeInWords(type: ValueType): string {
  switch (type.type) {
    case 'sequence':
      return `seq(${typeInWords(type.of)})`;
    case 'optional':
      return `optional(${typeInWords(type.of)})`;
    case 'map':
      return `map(${elementInWords(type.keys)},${typeInWords(type.of)})`;
    case 'unsupported':
      return type.what;
    default:
      return `tensor(${elementInWords(type.type)})`;
  }
}

function elementInWords(type: DType): string {
  return type === 'float32' ? 'float' : type === 'float64' ? 'double' : type;
}

/** What a tensor that is passed in, or filled, has to be. Errors: Error, in ONNX Runtime's words. */
export function requireFit(
  info: TensorInfo,
  { type, dims }: { readonly type: string; readonly dims: readonly number[] },
  role: 'input' | 'output',
): void {
  if (type !== info.type) {
    const actual = typeInWords({ ...info, type: type as DType });
    throw new Error(`Unexpected ${role} data type. Actual: (${actual}) , expected: (${typeInWords(info)})`);
  }
  const expected = info.dims;
  if (expected === undefined || expected.length === 0) return;
  const fix = 'Please fix either the inputs/outputs or the model.';
  if (dims.length !== expected.length) {
    throw new Error(`Invalid rank for ${role}: ${info.name} Got: ${dims.length} Expected: ${expected.length} ${fix}`);
  }
  let wrong = '';
  for (let axis = 0; axis < dims.length; axis++) {
    if (expected[axis] !== -1 && dims[axis] !== expected[axis]) {
      wrong += ` index: ${axis} Got: ${dims[axis]} Expected: ${expected[axis]}\n`;
    }
  }
  if (wrong !== '') {
    throw new Error(`Got invalid dimensions for ${role}: ${info.name} for the following indices\n${wrong} ${fix}`);
  }
}
