// Answers requests of bridge.py over the pipes of this process: device.linalg's operations by their names.

import { type DeviceName, DeviceTensor, open, type Tensor, TensorlaneError } from 'tensorlane';
import { arrayOver, byteSize, type NumericDType } from '../../lib/tensor/dtypes.js';

interface Header {
  readonly operation: string;
  readonly operands: readonly { readonly type: NumericDType; readonly dims: readonly number[] }[];
  readonly arguments: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly inArray: boolean;
}

const device = await open(process.argv[2] as DeviceName);
const input = chunks();
for (;;) {
  const length = await input(4);
  if (length === undefined) break;
  const header = JSON.parse((await input(length.readUInt32LE()))!.toString()) as Header;
  const operands: unknown[] = [];
  for (const { type, dims } of header.operands) {
    const bytes = await input(
      byteSize(
        type,
        dims.reduce((total, dim) => total * dim, 1),
      ),
    );
    // Aligned, and its own.
    operands.push({ type, data: arrayOver(type, Uint8Array.from(bytes!).buffer), dims });
  }
  await answer(header, operands);
}
await device.dispose();

async function answer(header: Header, operands: readonly unknown[]): Promise<void> {
  const { operation, inArray } = header;
  const options = Object.fromEntries(Object.entries(header.options).map(([name, value]) => [name, decoded(value)]));
  const method = (device.linalg as unknown as Record<string, (...all: unknown[]) => Promise<unknown>>)[operation]!;
  try {
    const given = await method.call(
      device.linalg,
      ...(inArray ? [operands] : operands),
      ...header.arguments.map(decoded),
      options,
    );
    const isOne = given instanceof DeviceTensor || 'dims' in (given as object);
    const results = Object.entries((isOne ? { result: given } : given) as Record<string, Tensor<NumericDType>>);
    const shapes = results.map(([name, { type, dims }]) => [name, { type, dims }]);
    send({ results: Object.fromEntries(shapes) });
    for (const [, { data }] of results) {
      process.stdout.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  } catch (error) {
    if (!(error instanceof TensorlaneError)) throw error;
    send({ error: { code: error.code, message: error.message } });
  }
}

/** A number that JSON has no word for. */
function decoded(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('number' in value) return Number(value.number);
  return 'bigint' in value ? BigInt(value.bigint as string) : value;
}

function send(header: object): void {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  process.stdout.write(Buffer.concat([length, text]));
}

/** Gives the next so many bytes of the input; undefined at its end. */
function chunks(): (count: number) => Promise<Buffer | undefined> {
  const source = process.stdin[Symbol.asyncIterator]();
  let rest = Buffer.alloc(0);
  return async (count) => {
    const parts = [rest];
    let have = rest.length;
    while (have < count) {
      const { value, done } = await source.next();
      if (done) return undefined;
      parts.push(value as Buffer<ArrayBuffer>);
      have += (value as Buffer).length;
    }
    const all = Buffer.concat(parts);
    rest = all.subarray(count);
    return all.subarray(0, count);
  };
}
