// JSON as the protocols have it: integers of 64 bits come exact, and NaN, Infinity and -Infinity are numbers.
//
// The rules: what a body may cost is bounded before it is built: how deep it is nested, and by its bytes how much there is of it. Objects have
// no prototype, so that no name in them means anything but itself. Where long arrays of numbers have been taken out of a body, what comes
// of it, and what is wrong with it, is the same.

import type { NumberArray } from 'tensorlane/json';
import { invalid, type Refusal } from '../core/errors.js';

/** A number beside those that a double holds exactly: an integer, as a bigint. */
export type JsonValue = string | number | bigint | boolean | null | JsonValue[] | JsonObject | Numbers;
export interface JsonObject {
  [name: string]: JsonValue;
}

/** A long array of numbers, whose text is read when it is known of what type they are. */
export class Numbers {
  constructor(
    readonly body: Uint8Array,
    readonly array: NumberArray,
  ) {}
}

/** What was taken out of a body. */
export interface TakenOut {
  readonly body: Uint8Array;
  readonly arrays: readonly NumberArray[];
  /** What they may be `Numbers` in: the values of these names, and all that is within. Elsewhere they are put back. */
  readonly within: ReadonlySet<string>;
}

const mostDepth = 64;

/** Strings of more characters are long. */
const fewestLong = 1024;
/** What is not itself in a string: a character before the space, or a backslash. */
const special = /[^ -[\]-\uffff]/;

const [quote, comma, colon, minus, dot, backslash] = [0x22, 0x2c, 0x3a, 0x2d, 0x2e, 0x5c];
const [openArray, closeArray, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
const [zero, nine, exponentUpper, exponentLower] = [0x30, 0x39, 0x45, 0x65];

/** Bytes of UTF-8; of a body that something was taken out of, what is left. Errors: INVALID_ARGUMENT, with the place. */
export function parseJson(bytes: Uint8Array, takenOut?: TakenOut): JsonValue {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid('the body is not UTF-8');
  }
  return new Parser(text, takenOut).document();
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Numbers);
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth: number;
  readonly #takenOut: TakenOut | undefined;
  /** The next that was taken out. */
  #next: NumberArray | undefined;
  #nextIndex = 0;
  /** How many characters were taken out before this place. */
  #missing = 0;
  /** Of how many names that `TakenOut.within` has this is the value. */
  #within = 0;

  constructor(text: string, takenOut: TakenOut | undefined, depth = 0) {
    this.#text = text;
    this.#takenOut = takenOut;
    this.#next = takenOut?.arrays[0];
    this.#depth = depth;
  }

  document(): JsonValue {
    this.#blanks();
    if (this.#at === this.#text.length) throw invalid('the body is empty, where JSON was expected');
    const value = this.#value();
    this.#blanks();
    if (this.#at < this.#text.length) throw this.#wrong('the end of the body');
    return value;
  }

  /** From its first character on. */
  #value(): JsonValue {
    const code = this.#text.charCodeAt(this.#at);
    if (code === minus || (code >= zero && code <= nine)) return this.#number(code);
    if (code === quote) return this.#string();
    if (code === openArray) return this.#array();
    if (code === openObject) return this.#object();
    return this.#word();
  }

  #array(): JsonValue[] | Numbers {
    if (this.#next?.at === this.#at) return this.#numbers(this.#next);
    this.#deeper();
    const array: JsonValue[] = [];
    this.#at++;
    this.#blanks();
    if (this.#text.charCodeAt(this.#at) === closeArray) return this.#end(array);
    for (;;) {
      array.push(this.#value());
      this.#blanks();
      const code = this.#text.charCodeAt(this.#at);
      if (code === closeArray) return this.#end(array);
      if (code !== comma) throw this.#wrong("',' or ']'");
      this.#at++;
      this.#blanks();
    }
  }

  /** From the place of one that was taken out. */
  #numbers(array: NumberArray): JsonValue[] | Numbers {
    const { body, arrays } = this.#takenOut!;
    if (this.#depth + array.dims.length > mostDepth) throw tooDeep();
    this.#at += 2;
    this.#missing += array.end - array.start - 2;
    this.#next = arrays[++this.#nextIndex];
    if (this.#within > 0) return new Numbers(body, array);
    const text = Buffer.from(body.buffer, body.byteOffset + array.start, array.end - array.start).toString('latin1');
    return new Parser(text, undefined, this.#depth).document() as JsonValue[];
  }

  #object(): JsonObject {
    this.#deeper();
    const object: JsonObject = Object.create(null) as JsonObject;
    this.#at++;
    this.#blanks();
    if (this.#text.charCodeAt(this.#at) === closeObject) return this.#end(object);
    for (;;) {
      if (this.#text.charCodeAt(this.#at) !== quote) throw this.#wrong('a name in quotes');
      const name = this.#string();
      this.#blanks();
      if (this.#text.charCodeAt(this.#at) !== colon) throw this.#wrong("':'");
      this.#at++;
      this.#blanks();
      const isWithin = this.#takenOut?.within.has(name) === true;
      if (isWithin) this.#within++;
      object[name] = this.#value();
      if (isWithin) this.#within--;
      this.#blanks();
      const code = this.#text.charCodeAt(this.#at);
      if (code === closeObject) return this.#end(object);
      if (code !== comma) throw this.#wrong("',' or '}'");
      this.#at++;
      this.#blanks();
    }
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at;
    // What is long, as a file in base64, is found by what looks at many characters at once.
    const end = text.indexOf('"', start + 1);
    if (end - start > fewestLong && !special.test(text.slice(start + 1, end))) {
      this.#at = end + 1;
      return text.slice(start + 1, end);
    }
    let isPlain = true;
    for (let i = start + 1; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === quote) {
        this.#at = i + 1;
        if (isPlain) return text.slice(start + 1, i);
        try {
          return JSON.parse(text.slice(start, i + 1)) as string;
        } catch {
          this.#at = start;
          throw this.#wrong('a string without other escapes than those of JSON');
        }
      }
      if (code < 0x20) {
        this.#at = i;
        throw this.#wrong('no control character in a string');
      }
      if (code === backslash) {
        isPlain = false;
        i++;
      }
    }
    throw this.#wrong("'\"' at the end of this string");
  }

  #number(first: number): number | bigint {
    const text = this.#text;
    const start = this.#at;
    let i = first === minus ? start + 1 : start;
    const digits = i;
    // Up to 15 digits a double counts exactly.
    let integer = 0;
    let code = text.charCodeAt(i);
    for (; code >= zero && code <= nine; code = text.charCodeAt(++i)) integer = integer * 10 + (code - zero);
    const count = i - digits;
    if (count === 0) return this.#infinity(first);
    if (count > 1 && text.charCodeAt(digits) === zero) throw this.#wrong('a number without leading zeros');
    if (code !== dot && code !== exponentLower && code !== exponentUpper) {
      this.#at = i;
      if (count <= 15) return first === minus ? -integer : integer;
      const exact = Number(text.slice(start, i));
      return Number.isSafeInteger(exact) || count > 20 ? exact : BigInt(text.slice(start, i));
    }
    if (code === dot) i = this.#digitsFrom(i + 1);
    code = text.charCodeAt(i);
    if (code === exponentLower || code === exponentUpper) {
      code = text.charCodeAt(++i);
      i = this.#digitsFrom(code === minus || code === 0x2b ? i + 1 : i);
    }
    this.#at = i;
    return Number(text.slice(start, i));
  }

  /** The place after them. */
  #digitsFrom(start: number): number {
    const text = this.#text;
    let i = start;
    for (let code = text.charCodeAt(i); code >= zero && code <= nine; ) code = text.charCodeAt(++i);
    if (i > start) return i;
    this.#at = i;
    throw this.#wrong('a digit');
  }

  #infinity(first: number): number {
    if (first === minus && this.#text.startsWith('-Infinity', this.#at)) {
      this.#at += '-Infinity'.length;
      return -Infinity;
    }
    throw this.#wrong('a number');
  }

  #word(): JsonValue {
    for (const [word, value] of words) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    throw this.#wrong('a value');
  }

  #blanks(): void {
    const text = this.#text;
    for (let code = text.charCodeAt(this.#at); code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09; ) {
      code = text.charCodeAt(++this.#at);
    }
  }

  #deeper(): void {
    if (++this.#depth > mostDepth) throw tooDeep();
  }

  /** After the bracket that ends it. */
  #end<T>(value: T): T {
    this.#depth--;
    this.#at++;
    return value;
  }

  #wrong(expected: string): Refusal {
    const found = this.#text.slice(this.#at, this.#at + 1);
    const what = found === '' ? 'the end of it' : JSON.stringify(found);
    return invalid(`the body is no JSON: expected ${expected} at character ${this.#at + this.#missing}, got ${what}`);
  }
}

function tooDeep(): Refusal {
  return invalid(`the JSON is nested more than ${mostDepth} levels deep`);
}

const words: readonly (readonly [string, JsonValue])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', Number.NaN],
  ['Infinity', Infinity],
];
