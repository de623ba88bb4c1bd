// The exact surface of the native addon, which test/binding.test.ts checks against the built one. It is not public: lib/ is
// the only caller, validates what users give, and upholds what is said here. Errors thrown or rejected with are plain
// Errors with a `code`, and `indices` where a batched operation names its culprits.

import type { DType } from './lib/types.js';

export const version: string;

/** Inputs up to this many bytes are copied when they are handed over; larger ones are read while the operation runs. */
export const copyUpTo: number;

export interface DeviceDescription {
  kind: 'cpu';
  name: string;
  index: number;
  memoryBytes: number;
  /** The algebra library with its version. */
  library: string;
  /** Cores one operation may use. */
  threads: number;
}

export function listDevices(): DeviceDescription[];

export interface SvdRequest {
  type: 'float32' | 'float64';
  mode: 'thin' | 'full' | 'values';
  batch: number;
  m: number;
  n: number;
  a: Float32Array | Float64Array;
}

/** The elements of the factors; `u` and `vt` are absent for mode 'values'. */
export interface SvdResult {
  u?: ArrayBuffer;
  s: ArrayBuffer;
  vt?: ArrayBuffer;
}

/** How two operands share their leading dimensions: strides count matrices, 0 broadcasts. */
export interface BatchWalk {
  batchDims: readonly number[];
  aStrides: readonly number[];
  bStrides: readonly number[];
}

export interface MatmulRequest extends BatchWalk {
  type: 'float32' | 'float64';
  m: number;
  k: number;
  n: number;
  a: Float32Array | Float64Array;
  b: Float32Array | Float64Array;
}

export interface SolveRequest extends BatchWalk {
  type: 'float32' | 'float64';
  n: number;
  nrhs: number;
  a: Float32Array | Float64Array;
  b: Float32Array | Float64Array;
}

export interface LoadOptions {
  /** Path of ONNX Runtime's shared library; the first one of a process is kept. */
  runtime: string;
  /** Cores one run may use; 0 leaves it to ONNX Runtime. */
  threads: number;
  /** Of ONNX Runtime's threads, 0 to 19. */
  niceness: number;
}

export interface LaneCounters {
  lanes: number;
  busy: number;
  queued: number;
  completed: number;
}

/** A device with its lanes. `lane` is an index below `describe().lanes`, or undefined for whichever is free first. */
export class Device {
  private constructor();
  /** 0 lanes or threads lets the device choose; niceness is that of the lanes' threads, 0 to 19. */
  static open(options: { lanes: number; threads: number; niceness: number }): Promise<Device>;
  describe(): DeviceDescription & { lanes: number };
  counters(): LaneCounters;
  svd(request: SvdRequest, lane?: number): Promise<SvdResult>;
  matmul(request: MatmulRequest, lane?: number): Promise<ArrayBuffer>;
  solve(request: SolveRequest, lane?: number): Promise<ArrayBuffer>;
  loadModel(source: string | Uint8Array, options: LoadOptions): Promise<Model>;
  /** Marks the point that the lane's queue has reached. */
  record(lane: number): Event;
  /** What is queued on the lane from now on starts after the event. */
  wait(lane: number, event: Event): void;
  /** Resolves when all that was queued on the lane so far has ended. */
  synchronize(lane: number): Promise<void>;
  /** Discards what is queued and joins the threads, so synchronize every lane first. */
  close(): void;
}

export class Event {
  private constructor();
  query(): boolean;
}

export interface ValueDescription {
  name: string;
  type: DType;
  /** -1 for a free dimension. */
  dims: number[];
  dimNames: (string | undefined)[];
}

export interface RunInput {
  dims: readonly number[];
  /**
   * The elements, one part after the other, in memory that is neither written nor reused until the promise settles; for a
   * string input, the strings themselves.
   */
  parts: readonly ArrayBufferView[] | readonly string[];
}

export interface RunRequest {
  /** Every input of the model, in its order. */
  inputs: readonly RunInput[];
  /** Indices of the wanted outputs. */
  outputs: readonly number[];
  /** The rows (leading dimension) of each caller in a batch; one or none for a run that is not parted. */
  rows: readonly number[];
  /** For each wanted output a buffer to write it to if it fits, or nothing. */
  staging: readonly (Uint8Array | undefined)[];
}

export interface RunOutput {
  dims: number[];
  /**
   * Strings; or one buffer with all elements; or one buffer for each caller, where these are large; or undefined when the
   * elements were written to the staging buffer.
   */
  data: string[] | ArrayBuffer | ArrayBuffer[] | undefined;
}

export interface RunResult {
  outputs: RunOutput[];
  /** From the start on the lane to the end. */
  microseconds: number;
}

export class Model {
  private constructor();
  describe(): { inputs: ValueDescription[]; outputs: ValueDescription[] };
  run(request: RunRequest): Promise<RunResult>;
  /** Frees the model on a lane; only when no run is in flight. */
  close(): Promise<void>;
}

/** Timers with the resolution of the system's clock. A pending one keeps the event loop alive. */
export class Timer {
  constructor();
  schedule(microseconds: number, callback: () => void): number;
  cancel(id: number): boolean;
}
