// Protocol buffers as they lie on the wire: fields of a message, one after the other. ONNX's files are read and changed with it
// whatever version of ONNX they are of: what nobody looks at stays as it is.

/** Of wire type 0 a bigint, of the others its bytes. */
export interface Field {
  readonly number: number;
  readonly wire: number;
  readonly value: bigint | Uint8Array;
}

export function fieldsOf(message: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const take = (length: number) => {
    if (at + length > message.length) throw new Error('the message ends within a field');
    at += length;
    return message.subarray(at - length, at);
  };
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = take(1)[0]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = Number(varint());
    const wire = tag & 7;
    const number = tag >>> 3;
    if (wire === 0) fields.push({ number, wire, value: varint() });
    else if (wire === 2) fields.push({ number, wire, value: take(Number(varint())) });
    else if (wire === 1 || wire === 5) fields.push({ number, wire, value: take(wire === 1 ? 8 : 4) });
    else throw new Error(`there is no wire type ${wire}`);
  }
  return fields;
}

export function messageOf(fields: readonly Field[]): Uint8Array {
  return Buffer.concat(
    fields.flatMap(({ number, wire, value }) => {
      const tag = varintOf(BigInt(number * 8 + wire));
      if (typeof value === 'bigint') return [tag, varintOf(value)];
      return wire === 2 ? [tag, varintOf(BigInt(value.length)), value] : [tag, value];
    }),
  );
}

export const text = (value: bigint | Uint8Array) => Buffer.from(value as Uint8Array).toString();

/** The messages, or strings, of a field. */
export function bytesOf(fields: readonly Field[], number: number): Uint8Array[] {
  return fields.filter((field) => field.number === number && field.wire === 2).map(({ value }) => value as Uint8Array);
}

/** The integers of a repeated field, packed or not. */
export function integersOf(fields: readonly Field[], number: number): bigint[] {
  return fields.flatMap(({ number: own, value }) => {
    if (own !== number) return [];
    if (typeof value === 'bigint') return [BigInt.asIntN(64, value)];
    const integers: bigint[] = [];
    let integer = 0n;
    let shift = 0n;
    for (const byte of value) {
      integer |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
      if (byte >= 0x80) continue;
      integers.push(BigInt.asIntN(64, integer));
      integer = 0n;
      shift = 0n;
    }
    return integers;
  });
}

function varintOf(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? byte : byte | 0x80);
  } while (rest !== 0n);
  return Uint8Array.from(bytes);
}
