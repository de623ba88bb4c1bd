// tensorlane's public surface.

export type { BatcherStats as BatchingStats, CloseReason } from './batching/batcher.js';
export { Device, type DeviceInfo, type DeviceStats } from './device.js';
export { type ErrorCode, TensorlaneError } from './errors.js';
export { LinearAlgebra, type OperationOptions, type Svd, type SvdMode, type SvdOptions } from './linalg/linalg.js';
export { Model, type ModelBatching, type ModelStats, type RunOptions } from './model/model.js';
export type { BatchingOptions, LoadModelOptions } from './model/options.js';
export { type DeviceName, listDevices, type OpenOptions, open } from './open.js';
export type { LatencySummary } from './stats.js';
export { Stream, StreamEvent, StreamPool } from './streams.js';
export { type Nested, type TensorOptions, tensor } from './tensor.js';
export type { DType, FloatTensor, FloatType, Tensor, TypedData, ValueInfo } from './types.js';
