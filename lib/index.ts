// tensorlane's public surface.

export type { BatchEvent, RequestEvent } from './batching/events.js';
export type { CloseReason } from './batching/forming.js';
export type { QueuePolicy } from './batching/options.js';
export type { BatcherStats as BatchingStats } from './batching/stats.js';
export { type ErrorCode, TensorlaneError } from './core/errors.js';
export type { LatencySummary } from './core/latency.js';
export { Device, type DeviceInfo, type DeviceStats, type MemoryStats } from './device/device.js';
export { DeviceTensor } from './device/device-tensor.js';
export {
  Kernel,
  type KernelArgument,
  type KernelArguments,
  type KernelOptions,
  type KernelParameter,
  type LaunchOptions,
  type ScalarType,
  type Size3,
} from './device/kernel.js';
export { type DeviceName, listDevices, type MemoryOptions, type OpenOptions, open } from './device/open.js';
export type { Operand, OperationOptions } from './device/runner.js';
export { type AcquireOptions, Stream, StreamEvent, StreamPool, type StreamPriority } from './device/streams.js';
export {
  type Eigh,
  LinearAlgebra,
  type MatmulOptions,
  type Qr,
  type QrMode,
  type QrOptions,
  type Slogdet,
  type Svd,
  type SvdDriver,
  type SvdMode,
  type SvdOptions,
} from './linalg/linalg.js';
export type { FloatOperand, ResultOf } from './linalg/shapes.js';
export { Model, type ModelBatching, type ModelStats, type RunOptions } from './model/model.js';
export type {
  BatchAxisOptions,
  BatchingOptions,
  LoadModelOptions,
  PaddingOptions,
  RateLimiterOptions,
  WarmupOptions,
} from './model/options.js';
export type { Sequence, SequenceOptions } from './model/sequence.js';
export { type ImageOptions, type PadOptions, type ReduceOptions, TensorOperations, type TopK } from './ops/ops.js';
export type { CastType, ResultAs } from './ops/shapes.js';
export type { NumericDType } from './tensor/dtypes.js';
export { type Nested, type TensorOptions, tensor } from './tensor/tensor.js';
export type { DType, FloatTensor, FloatType, Tensor, TypedData, ValueInfo } from './tensor/types.js';
