// `tensorlane types`: a model's inputs and outputs as the interface that `loadModel<...>` takes.

import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { open } from '../device/open.js';
import type { DType, ValueInfo, ValueType } from '../tensor/types.js';
import { type Command, UsageError } from './command.js';

export const types: Command = {
  usage: 'types model.onnx [--out file.d.ts] [--name Model]',
  about: "Prints the types of a model's inputs and outputs, for loadModel<Model>(...).",
  options: { out: { type: 'string' }, name: { type: 'string', default: 'Model' } },
  async run({ out, name }, files) {
    const [file] = files;
    if (file === undefined || files.length > 1) throw new UsageError(`types takes one model, got ${files.length}`);
    if (!isIdentifier(name as string)) throw new UsageError(`--name must be an identifier, got '${name}'`);
    const declaration = await declarationOf(file, name as string);
    if (out === undefined) process.stdout.write(declaration);
    else await writeFile(out as string, declaration);
    return 0;
  },
};

async function declarationOf(file: string, name: string): Promise<string> {
  await using device = await open({ device: 'cpu', streams: 1 });
  const { inputs, outputs, overridableInitializers } = await device.loadModel(file, { batching: false });
  const values = [...inputs, ...outputs, ...overridableInitializers];
  return [
    `// What ${oneLine(basename(file))} takes and gives, for loadModel<${name}>(...): by \`tensorlane types\`.`,
    '',
    ...(values.some(hasTensors) ? ["import type { Tensor } from 'tensorlane';", ''] : []),
    `export interface ${name} {`,
    '  inputs: {',
    ...inputs.flatMap((value) => member(value, value.type === 'optional' ? '?' : '')),
    // They have values of their own.
    ...overridableInitializers.flatMap((value) => member(value, '?')),
    '  };',
    '  outputs: {',
    ...outputs.flatMap((value) => member(value, '')),
    '  };',
    '}',
    '',
  ].join('\n');
}

function member(value: ValueInfo, optional: '' | '?'): string[] {
  const dims = value.dims?.map((dim, axis) => (dim === -1 ? (value.dimNames[axis] ?? 'any') : dim)).join(', ');
  // Of no tensor there are none, and of some tensors not even the rank is known.
  const shape = dims === undefined ? [] : [`    /** [${oneLine(dims).replaceAll('*/', '* /')}] */`];
  const name = isIdentifier(value.name) ? value.name : JSON.stringify(value.name);
  return [...shape, `    ${name}${optional}: ${typeOf(value)};`];
}

/** A tensor by its element type, where it is an input or output by itself. */
function typeOf(value: ValueType): string {
  return isTensor(value) ? `'${value.type}'` : elementOf(value);
}

function elementOf(value: ValueType): string {
  if (value.type === 'sequence') return `readonly ${parenthesised(elementOf(value.of))}[]`;
  if (value.type === 'map') return `ReadonlyMap<${scalarOf(value.keys)}, ${mapped(value.of)}>`;
  if (value.type === 'optional') return `${elementOf(value.of)} | null`;
  if (value.type === 'unsupported') return 'never';
  return `Tensor<'${value.type}'>`;
}

const mapped = (value: ValueType) => (isTensor(value) ? scalarOf(value.type) : elementOf(value));
const parenthesised = (type: string) => (/^readonly |\|/.test(type) ? `(${type})` : type);

function scalarOf(type: DType): string {
  if (type === 'string') return 'string';
  return type === 'int64' || type === 'uint64' ? 'bigint' : 'number';
}

function isTensor(value: ValueType): value is Extract<ValueType, { type: DType }> {
  return !['sequence', 'map', 'optional', 'unsupported'].includes(value.type);
}

/** Tensors within something else, which are written as such. */
function hasTensors(value: ValueType): boolean {
  if (value.type === 'sequence' || value.type === 'optional') return isTensor(value.of) || hasTensors(value.of);
  return false;
}

const isIdentifier = (name: string) => /^[A-Za-z_$][\w$]*$/.test(name) && name !== '__proto__';
const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ');
