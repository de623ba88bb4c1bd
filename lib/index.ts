// tensorlane's public surface.

export type { Tuned, TunedLoad, TunedSetting } from './batching/learning/tuned.js';
export type { QueuePolicy } from './batching/options.js';
export type { Advice, AdviceRule } from './batching/statistics/advice.js';
export type { CloseReason } from './batching/statistics/closing.js';
export type { BatchEvent, RequestEvent } from './batching/statistics/events.js';
export type { RequestObserver, StartedBatch } from './batching/statistics/observer.js';
export type { AdaptiveStats, BatcherStats as BatchingStats, MeasuredSetting } from './batching/statistics/stats.js';
export { type ErrorCode, TensorlaneError } from './core/errors.js';
export type { LatencyCounts, LatencySummary } from './core/latency.js';
export type { Affinity } from './device/affinity.js';
export type { DeviceInfo, DeviceStats, GroupMemberStats, MemoryStats } from './device/info.js';
export { type DeviceName, listDevices, type MemoryOptions, type OpenOptions, open } from './device/open.js';
export { Device, LinearAlgebra, type Scope, TensorOperations } from './device/types.js';
export type { Driven } from './linalg/driven.js';
export type { Eig } from './linalg/eigenvalues.js';
export type { Polar, PolarOptions, SpaceOptions } from './linalg/functions.js';
export type {
  CholeskyOptions,
  Eigh,
  EighOptions,
  EigvalshOptions,
  MatmulOptions,
  Qr,
  QrMode,
  QrOptions,
  Slogdet,
} from './linalg/linalg.js';
export type { Lu, LuFactors, LuOptions, LuSolveOptions, SolveTriangularOptions } from './linalg/lu.js';
export type { ProductOf, SolutionOf } from './linalg/matrices.js';
export type {
  CondOptions,
  MatrixNormOptions,
  MatrixOrder,
  NormOptions,
  RankOptions,
  VectorNormOptions,
} from './linalg/norms.js';
export { Pca, type PcaOptions } from './linalg/pca.js';
export type { AxisOptions, DiagonalOptions, TensordotOptions } from './linalg/products.js';
export type { BlocksOptions, Progress, RowBlocks } from './linalg/row-blocks.js';
export type {
  BlocksSvd,
  BlocksSvdOptions,
  Svd,
  SvdDriver,
  SvdMode,
  SvdOptions,
  TruncatedSvd,
} from './linalg/singular-values.js';
export type {
  Lstsq,
  LstsqOptions,
  PinvOptions,
  TensorinvOptions,
  TensorsolveOptions,
} from './linalg/solving.js';

export type { BatchingFinding, RowsVerdict } from './model/finding.js';
export type { GraphStats, GraphsInfo } from './model/graphs.js';
export type { ModelBatching, ModelInfo, ModelStats } from './model/model.js';
export type {
  BatchAxisOptions,
  BatchingOptions,
  LoadModelOptions,
  PaddingOptions,
  RateLimiterOptions,
  WarmupOptions,
} from './model/options.js';
export type { BuiltInProvider, NodePlacement, PluginProvider, Provider } from './model/providers.js';
export type { RunOptions } from './model/run.js';
export type { SequenceOptions } from './model/sequence.js';
export type { ExternalDataFile, SessionOptions } from './model/session-options.js';
export type { ModelSource } from './model/source.js';
export type {
  CastStep,
  ImageToTensorStep,
  L2NormalizeStep,
  PostprocessStep,
  PreprocessStep,
  SoftmaxStep,
  TopKStep,
} from './model/steps.js';
export {
  type Feeds,
  Model,
  type ModelTypes,
  type Outputs,
  type ResidentOutputs,
  type Sequence,
  type TensorGiven,
} from './model/types.js';
export type { ReduceOptions } from './ops/axes.js';
export type {
  ArithmeticOperand,
  ArithmeticOrOperand,
  ClipOptions,
  NumberOperand,
  NumberOrOperand,
  ResultOfPair,
} from './ops/elementwise.js';
export type { ImageOptions } from './ops/images.js';
export type { PadOptions, TopK } from './ops/ops.js';
export { DeviceTensor, type GetOptions } from './runtime/device-tensor.js';
export {
  Kernel,
  type KernelArgument,
  type KernelArguments,
  type KernelOptions,
  type KernelParameter,
  type LaunchOptions,
  type ScalarType,
  type Size3,
} from './runtime/kernel.js';
export type {
  AlgebraOperand,
  ComplexOf,
  FloatOf,
  FloatOperand,
  IntegerType,
  MatrixOperand,
  Operand,
  RealOf,
  RealResultOf,
  ResultAs,
  ResultOf,
} from './runtime/operands.js';
export type { OperationOptions } from './runtime/options.js';
export type { ResultOptions, ResultsOptions, StoppableOptions } from './runtime/out.js';
export { type AcquireOptions, Stream, StreamEvent, StreamPool, type StreamPriority } from './runtime/streams.js';
export { transposed } from './runtime/transposed.js';
export type { CastType } from './tensor/cast-types.js';
export type { NumericDType } from './tensor/dtypes.js';
export { type Dims, type Nested, type TensorOptions, tensor } from './tensor/tensor.js';
export type {
  ComplexType,
  DType,
  FieldType,
  FloatTensor,
  FloatType,
  MapElement,
  MapType,
  ModelValue,
  OptionalType,
  SequenceType,
  Tensor,
  TensorType,
  TypedData,
  UnsupportedType,
  ValueInfo,
  ValueType,
} from './tensor/types.js';
