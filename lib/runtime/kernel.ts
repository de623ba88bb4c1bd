// Kernels of the user's own: CUDA C++, compiled when they are asked for (NVRTC), launched with checked arguments.

import type { Device as NativeDevice, Kernel as NativeKernel } from '../../binding.js';
import { namesOf, plainObject, refuseNul, refuseUnknown, wholeNumber } from '../core/arguments.js';
import { TensorlaneError, toTensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import { arrayClasses, type NumericDType } from '../tensor/dtypes.js';
import { arrayOfOne } from '../tensor/elements.js';
import { DeviceTensor } from './device-tensor.js';
import { integerTypes } from './operands.js';
import { checkOptions, type OperationOptions } from './options.js';
import type { Runner } from './runner.js';

const scalarTypes = ['float32', 'float64', ...integerTypes] as const;

/** Types that a kernel takes by value. */
export type ScalarType = (typeof scalarTypes)[number];

/**
 * A parameter of a kernel: 'float32[]' is a pointer to a device tensor's elements that the kernel may write, 'const float32[]'
 * one that it only reads, 'float32' a number.
 */
export type KernelParameter = ScalarType | `${NumericDType}[]` | `const ${NumericDType}[]`;

/** What a launch takes for a parameter. */
export type KernelArgument<P extends KernelParameter> = P extends `const ${infer T extends NumericDType}[]`
  ? DeviceTensor<T>
  : P extends `${infer T extends NumericDType}[]`
    ? DeviceTensor<T>
    : P extends 'int64' | 'uint64'
      ? bigint | number
      : P extends 'bool'
        ? boolean
        : number;

export type KernelArguments<P extends readonly KernelParameter[]> = { [I in keyof P]: KernelArgument<P[I]> };

/** One to three sizes; those left out are 1. */
export type Size3 = number | readonly [number] | readonly [number, number] | readonly [number, number, number];

export interface LaunchOptions extends OperationOptions {
  /** Blocks. */
  grid: Size3;
  /** Threads a block. */
  block: Size3;
  /** Dynamic shared memory, in bytes; 0 by default. */
  sharedBytes?: number | undefined;
}

export interface KernelOptions {
  /** For the compiler, such as '-DTILE=32' or '--use_fast_math'. */
  options?: readonly string[] | undefined;
}

const kernelNames = namesOf<KernelOptions>({ options: true });
const launchNames = namesOf<LaunchOptions>({ grid: true, block: true, sharedBytes: true, stream: true });

/** A compiled kernel. */
export class Kernel<P extends readonly KernelParameter[] = readonly KernelParameter[]> implements Disposable {
  readonly name: string;
  readonly parameters: P;
  readonly #native: NativeKernel;
  readonly #runner: Runner;

  /** @internal */
  constructor(native: NativeKernel, runner: Runner, name: string, parameters: P) {
    this.#native = native;
    this.#runner = runner;
    this.name = name;
    this.parameters = parameters;
  }

  /** Lets go of it; launches that were asked for go on. Disposing the device does so as well. May be called again. */
  dispose(): void {
    this.#native.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * Launches the kernel; resolves when it has ended. Launches on one stream run in order, and what writes a tensor on one stream
   * comes before what is given it later on another, so nothing has to be awaited in between.
   *
   * A kernel that reads or writes outside of its tensors loses the device: everything afterwards is ERR_DEVICE_LOST.
   *
   * Errors: ERR_ARGUMENT, ERR_DTYPE (an argument that does not fit its parameter), ERR_DISPOSED, ERR_DEVICE_LOST.
   */
  async launch(options: LaunchOptions, ...args: KernelArguments<P>): Promise<void> {
    const what = `kernel ${this.name}`;
    checkOptions(options, what, launchNames);
    const lane = this.#runner.lane(options, what);
    const grid = size3(options.grid, `${what}: grid`);
    const block = size3(options.block, `${what}: block`);
    const sharedBytes = wholeNumber(`${what}: sharedBytes`, options.sharedBytes, 0, 0);
    if (args.length !== this.parameters.length) {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `${what}: takes ${this.parameters.length} arguments (${this.parameters.join(', ')}), got ${args.length}`,
      );
    }
    const given = this.parameters.map((parameter, i) => encode(parameter, args[i], `${what}: argument ${i}`));
    const tensors = given.flatMap((one) => ('tensor' in one ? [one.tensor] : []));
    await this.#runner.using(what, tensors, (device, parts) => {
      let next = 0;
      const encoded = given.map((one) => ('tensor' in one ? { ...parts[next++]!, writes: one.writes } : one.bytes));
      return device.launch({ kernel: this.#native, grid, block, sharedBytes, arguments: encoded }, lane);
    });
  }
}

/** Errors: ERR_ARGUMENT, ERR_KERNEL, ERR_NOT_SUPPORTED, ERR_NO_RUNTIME. */
export async function compileKernel<P extends readonly KernelParameter[]>(
  device: NativeDevice,
  runner: Runner,
  { source, name, parameters }: { source: string; name: string; parameters: P },
  options: KernelOptions,
): Promise<Kernel<P>> {
  refuseUnknown(plainObject('kernel: options', options), kernelNames, 'kernel');
  if (typeof source !== 'string' || typeof name !== 'string' || name.trim() === '') {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `kernel: expected the source and the name of a kernel, as strings, got ${typeof source} and ${shown(name)}`,
    );
  }
  refuseNul('kernel: the source', source);
  refuseNul('kernel: the name', name);
  checkParameters(parameters);
  const forCompiler = options.options === undefined ? [] : options.options;
  if (!Array.isArray(forCompiler) || forCompiler.some((option) => typeof option !== 'string')) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `kernel: options must be strings for the compiler, such as ['-DTILE=32'], got ${shown(forCompiler)}`,
    );
  }
  for (const option of forCompiler) refuseNul('kernel: options', option);
  const own = [...parameters] as unknown as P; // the caller's array may change
  try {
    const kernel = new Kernel(await device.compile({ source, name, options: forCompiler }), runner, name, own);
    runner.keep(kernel);
    return kernel;
  } catch (reason) {
    throw toTensorlaneError(reason);
  }
}

/** Errors: ERR_ARGUMENT. */
function checkParameters(parameters: unknown): void {
  if (!Array.isArray(parameters)) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `kernel: expected the kernel's parameters, such as ['float32[]', 'int32'], got ${shown(parameters)}`,
    );
  }
  for (const parameter of parameters) {
    const pointee = typeof parameter === 'string' ? pointeeOf(parameter) : undefined;
    if (scalarTypes.some((type) => type === parameter)) continue;
    if (pointee !== undefined && Object.hasOwn(arrayClasses, pointee)) continue;
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `kernel: ${shown(parameter)} is no parameter; expected such as 'float32[]', 'const float32[]' or 'int32'`,
    );
  }
}

function pointeeOf(parameter: string): string | undefined {
  return /^(?:const )?(\w+)\[\]$/.exec(parameter)?.[1];
}

type Encoded = { tensor: DeviceTensor; writes: boolean } | { bytes: Uint8Array };

function encode(parameter: KernelParameter, value: unknown, what: string): Encoded {
  const pointee = pointeeOf(parameter);
  if (pointee !== undefined) {
    if (!(value instanceof DeviceTensor)) {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `${what} must be a device tensor (device.put), for ${parameter}, got ${shown(value)}`,
      );
    }
    if (value.type !== pointee) {
      throw new TensorlaneError('ERR_DTYPE', `${what} must be ${pointee}, got a tensor of ${value.type}`);
    }
    return { tensor: value, writes: !parameter.startsWith('const ') };
  }
  const type = parameter as ScalarType;
  if (type === 'bool') {
    if (typeof value !== 'boolean') throw refuse(what, type, value);
    return { bytes: Uint8Array.of(value ? 1 : 0) };
  }
  // A number of more than 53 bits may not be the one that was meant.
  const isExact = typeof value === 'bigint' || Number.isSafeInteger(value);
  const isValue = type === 'int64' || type === 'uint64' ? isExact : typeof value === 'number';
  const array = isValue ? arrayOfOne(type, value as number | bigint) : undefined;
  if (array === undefined) throw refuse(what, type, value);
  return { bytes: new Uint8Array(array.buffer) };
}

function refuse(what: string, type: string, value: unknown): TensorlaneError {
  return new TensorlaneError('ERR_ARGUMENT', `${what} must be a value of ${type}, got ${typeof value} ${shown(value)}`);
}

function size3(size: Size3 | undefined, what: string): [number, number, number] {
  const given: readonly number[] | undefined = typeof size === 'number' ? [size] : size;
  if (!Array.isArray(given) || given.length < 1 || given.length > 3) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what} must be a number, or one to three in an array, got ${shown(given)}`,
    );
  }
  for (const one of given) {
    if (!Number.isSafeInteger(one) || one < 1) {
      throw new TensorlaneError('ERR_ARGUMENT', `${what} must be of integers of at least 1, got ${shown(one)}`);
    }
  }
  return [given[0]!, given[1] ?? 1, given[2] ?? 1];
}
