// The exact surface of the native addon, which test/binding.test.ts checks against the built one. It is not public: lib/ is
// the only caller, validates what users give, and upholds what is said here. Errors thrown or rejected with are plain
// Errors with a `code`, with `indices` where a batched operation names its culprits, and with `runtimeMessage` where it was
// ONNX Runtime that failed: its own words.

import type { DType } from './lib/tensor/types.js';

export const version: string;

/** Inputs up to this many bytes are copied when they are handed over; larger ones are read while the operation runs. */
export const copyUpTo: number;

/** What operations take at most. */
export const limits: {
  /** The k of topK. */
  readonly topK: number;
  readonly imageChannels: number;
  /** The height or width of an image, in pixels. */
  readonly imageSide: number;
};

export interface DeviceDescription {
  kind: 'cpu' | 'cuda';
  name: string;
  index: number;
  memoryBytes: number;
  /** The algebra library with its version. */
  library: string;
  /** Cores that all operations together may use. */
  threads: number;
  /** CUDA: '9.0'. */
  computeCapability?: string;
  /** CUDA: the newest CUDA version that the driver supports, '13.0'. */
  driver?: string;
  /** CUDA: the version of the runtime that is built in, '13.0'. */
  runtime?: string;
  /** CUDA: as Linux has it, '0000:01:00.0'. */
  pciAddress?: string;
}

/** The best device first, the CPU last; `noCuda` says why there is no CUDA device. */
export function findDevices(): Promise<{ devices: DeviceDescription[]; noCuda?: string }>;

/** Such as '12.4'; undefined where there is no NVIDIA driver. It stays loaded: to be asked in a process of its own. */
export function newestCudaOfDriver(): string | undefined;

/** What NVIDIA's management library tells of each GPU now, or why it tells nothing. It stays loaded, too. */
export function readGpus(): GpuReadings;

export interface GpuReadings {
  driver?: string;
  /** By PCI address. */
  gpus: GpuReading[];
  problem?: string;
}

/** What is undefined the GPU or its driver does not tell. */
export interface GpuReading extends GpuPart {
  pciAddress?: string;
  /** Parts, from 0 to 1, of the last second at most: in which a kernel ran, and in which memory was read or written. */
  busy?: number;
  memoryBusy?: number;
  computeMode?: 'default' | 'exclusive process' | 'exclusive thread' | 'prohibited';
  /** That compute on it. */
  processes?: number;
  mig: boolean;
  /** MIG's. */
  parts: GpuPart[];
  /** Why it tells nothing. */
  problem?: string;
}

export interface GpuPart {
  name: string;
  uuid: string;
  memoryBytes?: number;
  usedBytes?: number;
}

/** The cores that the calling thread may run on; none where the system does not tell. */
export function threadCores(): number[];

/** Binds the calling thread to these cores, and so what it starts from then on, processes too. Throws where that cannot be. */
export function bindThread(cores: readonly number[]): void;

/**
 * The arrays of `least` elements or more in a JSON text that hold numbers alone, nested to a full shape. `outline`: the text with [] in
 * place of each. `arrays`, of float64: of each where it stands in the outline, in UTF-16's units, where its bytes begin and end in the
 * text, how many dims it has, and these.
 */
export function findNumbers(text: Uint8Array, least: number): Promise<{ outline: ArrayBuffer; arrays: ArrayBuffer }>;

/** The elements of such arrays, one after the other; or the first of them that the type does not have. */
export function readNumbers(request: {
  text: Uint8Array;
  /** The beginning and end of each array. */
  places: readonly number[];
  type: DType;
  /** Of all elements together. */
  count: number;
}): Promise<ArrayBuffer | { index: number; text: string }>;

export interface PrintRequest {
  type: DType;
  data: ArrayBufferView;
  dims: readonly number[];
  style: 'shortest' | 'tensorflow';
  layout: 'flat' | 'rows' | 'lines';
  /** Of lines: how far in the array itself is, in fours of blanks. */
  indent: number;
}

export interface Printed<Text> {
  text: Text;
  /** Of rows: where the text of each ends, of float64. */
  ends: ArrayBuffer;
}

/** A tensor's elements as JSON. */
export function printNumbers(request: PrintRequest): Promise<Printed<ArrayBuffer>>;

/** The same on the JS thread, for what is small. */
export function printNumbersNow(request: PrintRequest): Printed<string>;

type FloatType = 'float32' | 'float64';
type FieldType = FloatType | 'complex64' | 'complex128';
type IntegerType = 'int8' | 'int16' | 'int32' | 'int64' | 'uint8' | 'uint16' | 'uint32' | 'uint64' | 'bool';
type NumericDType = Exclude<DType, 'string'>;

/** Memory of a device. It is freed after its last use when it is released or collected. */
export class Buffer {
  private constructor();
  bytes(): number;
  release(): Promise<void>;
}

export interface BufferPart {
  buffer: Buffer;
  offset: number;
  bytes: number;
}

/** Elements in host memory or in a buffer of the same device. */
export type Operand = ArrayBufferView | BufferPart | ConvertedOperand;

/** Of another type than the operation takes: they are converted as `cast` does it, as a part of the operation. */
export interface ConvertedOperand {
  convert: ArrayBufferView | BufferPart;
  from: NumericDType;
  to: NumericDType;
}

interface Request {
  /** Whether results are buffers of the device, rather than ArrayBuffers. */
  onDevice: boolean;
  /** Memory for results, where they are to be, each of exactly their size; undefined is then given in their place. */
  outs?: readonly (ArrayBufferView | BufferPart | undefined)[];
  /** What takes it back; one serves several requests, which are steps of one operation. */
  stop?: Stop | undefined;
}

/** `batch` matrices of m x n. */
interface MatrixRequest<T = FloatType> extends Request {
  type: T;
  batch: number;
  m: number;
  n: number;
  a: Operand;
}

/** `batch` matrices of n x n. */
interface SquareRequest<T = FloatType> extends Request {
  type: T;
  batch: number;
  n: number;
  a: Operand;
}

/** How two operands share their leading dimensions: strides count matrices, 0 broadcasts. */
export interface BatchWalk {
  batchDims: readonly number[];
  aStrides: readonly number[];
  bStrides: readonly number[];
}

interface PairRequest<T = FloatType> extends Request, BatchWalk {
  type: T;
  a: Operand;
  b: Operand;
}

/** Two operands that broadcast to dims: strides count elements, 0 broadcasts. */
interface BroadcastRequest extends Request {
  dims: readonly number[];
  aStrides: readonly number[];
  bStrides: readonly number[];
  a: Operand;
  b: Operand;
}

/** The operand of an operation along one axis: outer x length x inner, of which that axis is the middle one. */
interface AxisRequest extends Request {
  type: FloatType;
  outer: number;
  length: number;
  inner: number;
  a: Operand;
}

/** In their order; undefined where JS gave the memory. `ran`: which routine did it, where several could have. */
export type Results = (ArrayBuffer | Buffer | undefined)[] & { readonly ran?: string };

/** What each operation is given; behind it, the results it gives, in order. */
export interface Operations {
  /** s, real; u and vt unless the mode is 'values'. A rank of 0 is none; the device says which others it takes. */
  svd: MatrixRequest<FieldType> & {
    mode: 'thin' | 'full' | 'values';
    driver: 'auto' | 'jacobi' | 'gesdd' | 'gesddTransposed' | 'gesvd' | 'gesvdj' | 'gesvdp' | 'gesvdr' | 'gesvda';
    rank: number;
  };
  /** w, real; v if `vectors`. */
  eigh: SquareRequest<FieldType> & { vectors: boolean };
  /** w; v if `vectors`; both complex, whatever the operand is. */
  eig: SquareRequest<FieldType> & { vectors: boolean };
  /** c. An operand that is transposed lies there as the transposes of its matrices. */
  matmul: PairRequest<FieldType | IntegerType> & {
    m: number;
    k: number;
    n: number;
    tf32: boolean;
    aTransposed?: boolean;
    bTransposed?: boolean;
  };
  /** x. */
  solve: PairRequest<FieldType> & { n: number; nrhs: number };
  /** r; q unless the mode is 'r'. */
  qr: MatrixRequest<FieldType> & { mode: 'reduced' | 'complete' | 'r' };
  /** l. */
  cholesky: SquareRequest<FieldType>;
  /** l and u in one matrix, the exchanges of rows (int32); where each row comes to lie (int32), if `permutation`. */
  luFactor: MatrixRequest<FieldType> & { permutation: boolean };
  /** x; by what luFactor gives. */
  luSolve: PairRequest<FieldType> & { n: number; nrhs: number; transposed: boolean; pivots: Operand };
  /** x. */
  solveTriangular: PairRequest<FieldType> & {
    n: number;
    nrhs: number;
    lower: boolean;
    transposed: boolean;
    unit: boolean;
  };
  /** The inverse. */
  inv: SquareRequest<FieldType>;
  /** The determinant; if `log`, its sign and the logarithm of its absolute value, which is real. */
  det: SquareRequest<FieldType> & { log: boolean };
  /** The sum of the diagonal that lies so many columns to the right of the main one. */
  trace: MatrixRequest & { offset: number };
  /** The elements as the type `to`. */
  cast: Request & { type: NumericDType; to: NumericDType; count: number; a: Operand };
  /** As dims say, which the operands broadcast to; bools where it compares. */
  binary: BroadcastRequest & {
    op: 'add' | 'sub' | 'mul' | 'div' | 'equal' | 'notEqual' | 'less' | 'lessEqual' | 'greater' | 'greaterOrEqual';
    type: FieldType | 'int32' | 'int64';
  };
  /** Of integers the absolute value alone; that of complex numbers is real. */
  unary: Request & {
    op: 'exp' | 'log' | 'sqrt' | 'abs';
    type: FieldType | 'int32' | 'int64';
    count: number;
    a: Operand;
  };
  /** The bounds are one element each, in host memory. */
  clip: Request & {
    type: FloatType | 'int32' | 'int64';
    count: number;
    a: Operand;
    low: ArrayBufferView;
    high: ArrayBufferView;
  };
  /** As dims say, which the condition, of bool, and both operands broadcast to. */
  where: BroadcastRequest & { type: NumericDType; conditionStrides: readonly number[]; condition: Operand };
  /** As large as the operand. */
  softmax: AxisRequest;
  /** The elements in the order that these axes of the operand give. */
  transpose: Request & { type: NumericDType; dims: readonly number[]; axes: readonly number[]; a: Operand };
  /** outer x inner results. */
  reduce: AxisRequest & { reduction: 'sum' | 'mean' | 'max' | 'min' | 'norm' };
  /** outer x inner indices, int64. */
  argmax: AxisRequest;
  /** rows x k values; their indices, int64. k is at most `limits.topK`. */
  topK: Request & { type: FloatType; rows: number; columns: number; k: number; a: Operand };
  /** One bool an item. */
  hasNonFinite: Request & { type: FloatType; items: number; elements: number; a: Operand };
  /** The first `count` random numbers of the seed, the same on every device. */
  randomNumbers: Request & { type: FloatType; seed: number; count: number };
  /** count rows. */
  gather: Request & {
    rowBytes: number;
    rows: number;
    count: number;
    indexType: 'int32' | 'int64';
    a: Operand;
    indices: Operand;
  };
  /** The rows of `a`, some of them replaced. */
  scatter: Request & {
    rowBytes: number;
    rows: number;
    count: number;
    indexType: 'int32' | 'int64';
    a: Operand;
    indices: Operand;
    updates: Operand;
  };
  /** count x length elements. */
  pad: Request & {
    type: NumericDType;
    elements: number;
    count: number;
    length: number;
    a: Operand;
    /** count + 1 of int64, in host memory: where each sequence begins and the last one ends. */
    offsets: ArrayBufferView;
    /** One element, in host memory. */
    value: ArrayBufferView;
  };
  /** batch x channels x toHeight x toWidth of float32. */
  imageToTensor: Request & {
    batch: number;
    height: number;
    width: number;
    channels: number;
    toHeight: number;
    toWidth: number;
    scale: number;
    /** One a channel. */
    mean: readonly number[];
    std: readonly number[];
    swapRedBlue: boolean;
    a: Operand;
  };
  /** The bytes, on the device or in host memory. */
  copy: Request & { from: Operand; bytes: number };
  /** Nothing: gives back to the system what memory the device keeps for reuse. */
  trim: object;
}

export interface LaunchRequest {
  kernel: Kernel;
  grid: readonly [number, number, number];
  block: readonly [number, number, number];
  sharedBytes: number;
  /** Scalars as their bytes; buffers with whether the kernel may write them. */
  arguments: readonly (Uint8Array | (BufferPart & { writes: boolean }))[];
}

/** A compiled kernel. */
export class Kernel {
  private constructor();
  release(): void;
}

/** In bytes. */
export interface MemoryStats {
  limit: number;
  used: number;
  peak: number;
  reserved: number;
  tensors: number;
  workspaces: number;
  pinned: number;
  pinnedUsed: number;
}

export interface OpenOptions {
  kind: 'cpu' | 'cuda';
  index: number;
  /** 0 lets the device choose, here and for threads. */
  lanes: number;
  /** The last so many lanes have a higher priority. */
  highPriority: number;
  threads: number;
  /** Of the other lanes' threads, 0 to 19; null: as is best, on the CPU. */
  niceness: number | null;
  /** Cores that lanes are bound to, in turns; none: they are not bound. */
  affinity: readonly (readonly number[])[];
  /** For a CUDA device. A limit or fraction of 0 is none. */
  memory: { limitBytes: number; fraction: number; growth: boolean };
}

/** What is left out stays as ONNX Runtime has it. */
export interface SessionSettings {
  /** Of ONNX Runtime's GraphOptimizationLevel. */
  graphOptimizationLevel?: number;
  parallel?: boolean;
  interOpNumThreads?: number;
  enableCpuMemArena?: boolean;
  enableMemPattern?: boolean;
  logId?: string;
  logSeverityLevel?: number;
  logVerbosityLevel?: number;
  profileFilePrefix?: string;
  optimizedModelFilePath?: string;
  /** Names and sizes in turn. */
  freeDimensions: readonly (string | number)[];
  /** Keys and values in turn. */
  configEntries: readonly string[];
  customOpsLibraries: readonly string[];
}

/** An execution provider of ONNX Runtime's. */
export interface ProviderRequest {
  /** 'cpu', 'cuda', or the name that a library of its own has for it. */
  name: string;
  /** Which of its devices. */
  device?: number;
  /** The path of a library of its own. */
  library?: string;
  /** What to do where it cannot be had, if that is known. */
  remedy?: string;
  /** Keys and values in turn. */
  options?: readonly string[];
}

/**
 * What is done to a tensor before or after a model. imageToTensor: uint8 [n, h, w, c] to float32 [n, c, height, width], sides that are left
 * out as the model takes them; `mean` and `std` are one number, or one for each channel. cast: `from` where it is the first before a
 * model. Softmax, l2Normalize and topK go along the last dimension of float32 or float64; topK's indices are another output.
 */
export type StepRequest =
  | {
      step: 'imageToTensor';
      height?: number;
      width?: number;
      scale?: number;
      mean?: readonly number[];
      std?: readonly number[];
      swapRedBlue?: boolean;
    }
  | { step: 'cast'; from?: DType; to?: DType }
  | { step: 'softmax' | 'l2Normalize' }
  | { step: 'topK'; k: number; indices: string };

export interface LoadOptions {
  /** Path of ONNX Runtime's shared library; the first one of a process is kept. */
  runtime: string;
  /** Cores one run may use, of threads of its own; 0: all, of threads that are shared with other models. */
  threads: number;
  /** Of ONNX Runtime's threads, 0 to 19; null: as far as lanes stand back for which it is null. */
  niceness: number | null;
  /** In order; none: the CPU. Where 'cpu' is not among them, that one cannot be had is an error. */
  providers?: readonly ProviderRequest[];
  /** What inputs go through before the model, and outputs after it: what it is described by, takes and gives is then what callers see. */
  preprocess?: readonly { name: string; steps: readonly StepRequest[] }[];
  postprocess?: readonly { name: string; steps: readonly StepRequest[] }[];
  /** Asks providers of libraries of their own to record CUDA graphs; false by default. */
  graphs?: boolean;
  session?: SessionSettings;
  /** Files of weights, by the names that the model has for them. */
  externalData?: readonly { path: string; data: Uint8Array }[];
  /**
   * Asks whether the model keeps the rows of a batch apart, which lie along these axes of inputs and outputs: 0 where a name is
   * left out; null: not of the batch.
   */
  rows?: Readonly<Record<'inputs' | 'outputs', Readonly<Record<string, number | null>>>>;
}

export interface LaneCounters {
  lanes: number;
  busy: number;
  queued: number;
  completed: number;
  /** Of them: small ones that went past large ones, on the lane of their own. */
  expedited: number;
  busyMicros: number;
  waitedMicros: number;
}

/** A device with its lanes. `lane` is an index below `describe().lanes`, or undefined for whichever is free first. */
export class Device {
  private constructor();
  static open(options: OpenOptions): Promise<Device>;
  describe(): DeviceDescription & { lanes: number };
  counters(): LaneCounters;
  memory(): MemoryStats;
  run<K extends keyof Operations>(name: K, request: Operations[K], lane?: number): Promise<Results>;
  compile(request: { source: string; name: string; options: readonly string[] }): Promise<Kernel>;
  launch(request: LaunchRequest, lane?: number): Promise<void>;
  loadModel(source: string | Uint8Array, options: LoadOptions): Promise<Model>;
  /** Marks the point that the lane's queue has reached. */
  record(lane: number): Event;
  /** What is queued on the lane from now on starts after the event. */
  wait(lane: number, event: Event): void;
  /** Resolves when all that was queued on the lane so far has ended; undefined: what the lane of small operations has in hand. */
  synchronize(lane: number | undefined): Promise<void>;
  /** Discards what is queued and joins the threads, so synchronize every lane first. */
  close(): void;
}

export class Event {
  private constructor();
  query(): boolean;
}

export interface TensorDescription {
  kind: 'tensor';
  type: DType;
  /** -1 for a free dimension; both are missing where the rank is not known. */
  dims?: number[];
  dimNames?: (string | undefined)[];
}

export type TypeDescription =
  | TensorDescription
  | { kind: 'sequence' | 'optional'; of: TypeDescription }
  | { kind: 'map'; keys: DType; of: TypeDescription }
  | { kind: 'unsupported'; what: string };

export type ValueDescription = { name: string } & TypeDescription;

export interface TensorInput {
  dims: readonly number[];
  /**
   * The elements, one part after the other, in memory that is neither written nor reused until the promise settles, or in
   * buffers that the runtime can read (those of the CPU device); for strings, the strings themselves.
   */
  parts: readonly (ArrayBufferView | BufferPart)[] | readonly string[];
}

/** As the model describes it; undefined or null: left out, or an empty optional. */
export type RunInput =
  | TensorInput
  | { sequence: readonly RunInput[] }
  | { keys: TensorInput; values: TensorInput }
  | undefined
  | null;

export interface RunLog {
  /** 0 verbose to 4 fatal. */
  severityLevel?: number;
  verbosityLevel?: number;
  tag?: string;
}

export interface RunRequest {
  /** Every input of the model, in its order; behind them, those of the overridable initializers that are given. */
  inputs: readonly RunInput[];
  /** Indices of the wanted outputs. */
  outputs: readonly number[];
  /** The rows (leading dimension) of each caller in a batch; one or none for a run that is not parted. */
  rows: readonly number[];
  /** For each wanted output a buffer to write it to if it fits, or nothing. */
  staging: readonly (Uint8Array | undefined)[];
  /** On the CPU, or `inDeviceMemory`, for a run that is not parted: numbers stay on the device, in a Buffer each. */
  resident?: boolean;
  /** Only its lane computes, whatever threads models share. */
  alone?: boolean;
  /** A CUDA graph of more rows will do. */
  pads?: boolean;
  /** How ONNX Runtime's log tells of it; what is left out is the session's. */
  log?: RunLog;
}

export interface CaptureRequest {
  /** As a run's, without overrides. */
  inputs: readonly RunInput[];
  /** Which of the inputs and the outputs have a row for each of the batch, in their first dimension. */
  inputRows: readonly boolean[];
  outputRows: readonly boolean[];
}

export interface TensorOutput {
  dims: number[];
  /**
   * Strings; or one buffer with all elements; or one buffer for each caller, where these are large; or undefined when the
   * elements were written to the staging buffer. Of a resident run, a Buffer.
   */
  data: string[] | ArrayBuffer | ArrayBuffer[] | Buffer | undefined;
}

/** null: an empty optional. */
export type RunOutput = TensorOutput | { sequence: RunOutput[] } | { keys: TensorOutput; values: TensorOutput } | null;

export interface RunResult {
  outputs: RunOutput[];
  /** From the start on the lane to the end. */
  microseconds: number;
}

/** Whether the rows of a batch are kept apart, and which node or run says that they are not, or may not be. */
export interface RowsFinding {
  verdict: 'independent' | 'mixed' | 'doubtful';
  reason: string;
  /** It may be another where more is known of the inputs. */
  mayChange: boolean;
}

/** By the names of inputs. The dimension of the batch may be any; `elements` are safe integers. */
export type KnownInputs = Readonly<
  Record<string, { readonly dims: readonly number[]; readonly elements?: readonly number[] }>
>;

export interface TrialRequest {
  /** All of the model's inputs, in its order, as one row has them. */
  inputs: readonly {
    readonly dims: readonly number[];
    /** Where that dimension is 1. */
    readonly axis: number | null;
    readonly data: ArrayBufferView | readonly string[];
  }[];
  /** The axis of the batch of each output. */
  outputs: readonly (number | null)[];
}

export class Model {
  private constructor();
  describe(): {
    inputs: ValueDescription[];
    outputs: ValueDescription[];
    /** Initializers that a run may be given another value for. */
    overridable: ValueDescription[];
    /** 'cpu', 'cuda', or a plugin's name. */
    provider: string;
    /** Which provider runs which node, where it is not the CPU alone and ONNX Runtime tells of it. */
    nodes?: { provider: string; name: string; operator: string }[];
    /** Runs of tensors of numbers are in the memory of the device, which the lane does not wait for. */
    inDeviceMemory: boolean;
    /** How many threads may compute a run, its lane's among them, and whether the others are shared with other models. */
    threads: number;
    sharesThreads: boolean;
    /** Those that it may run on, from 0. */
    lanes: number;
    /** Why not on the first that was asked for. */
    fallbackReason?: string;
    /** Why no CUDA graphs can be recorded, where they were asked for. */
    noGraphs?: string;
    /** Where it was asked for: what the graph says of all inputs. */
    rows?: RowsFinding & {
      /** A digest of the graph, and the axes of its batch; empty where it cannot be read. */
      graph: string;
    };
  };
  run(request: RunRequest): Promise<RunResult>;
  /** Records a CUDA graph for runs like this on the lane: ERR_MODEL where it cannot be. */
  capture(lane: number, request: CaptureRequest): Promise<void>;
  /** How many runs were graphs, with how many rows of padding, and how many were not. */
  graphCounters(): { replayed: number; paddedRows: number; plain: number };
  /** What the graph says of these inputs, where `mayChange`. */
  examine(known: KnownInputs): Promise<RowsFinding>;
  /** What runs of one row show, alone and beside others. */
  tryRows(request: TrialRequest): Promise<RowsFinding>;
  /** Writes the trace of a model that is profiled, and ends it. The path of its file; empty where there is none. */
  endProfiling(): string;
  /** Frees the model on a lane; only when no run is in flight. */
  close(): Promise<void>;
}

/** Takes back requests that were given it: they are rejected with ERR_ABORTED. */
export class Stop {
  constructor();
  /** True where the first of them had not begun: nothing of them is read or written any more. Else they end where they look next, or not at all. */
  stop(): boolean;
}

/** Timers with the resolution of the system's clock. A pending one keeps the event loop alive. */
export class Timer {
  constructor();
  schedule(microseconds: number, callback: () => void): number;
  cancel(id: number): boolean;
}
