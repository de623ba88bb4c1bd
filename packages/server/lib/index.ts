// The public surface of @tensorlane/server.

export {
  Client,
  type ConnectOptions,
  connect,
  RemoteModel,
} from './client/client.js';
export { RemoteLinearAlgebra, type RemoteOperationOptions } from './client/linalg.js';
export type { RemoteFeeds, RemoteRunOptions } from './client/run-options.js';
export { defineConfig, readConfigFile } from './config/file.js';
export { readBatchingFile, readModelConfigFile, readServingFile } from './config/tensorflow.js';
export { Engine, type EngineChange, type ModelReference, type ModelStatus } from './engine/engine.js';
export type { GivenModel } from './engine/given.js';
export type { JsContext, JsModel, JsValue } from './engine/js.js';
export type { EngineOptions, ModelConfig, VersionPolicy } from './engine/options.js';
export type { VersionState, VersionStatus } from './engine/versions.js';
export { type PluginOptions, tensorlane } from './http/fastify.js';
export {
  createFetchHandler,
  createHandler,
  type FetchHandler,
  type HandlerOptions,
  type NodeHandler,
} from './http/handlers.js';
export type { LimitOptions } from './http/limits.js';
export type { LogOption } from './log/log.js';
export type { LogLevel } from './log/settings.js';
export type { AccessOptions, AuthOptions } from './security/access.js';
export type { TlsOptions } from './security/tls.js';
export { Server, type ServerOptions, serve } from './server.js';
export type { TraceLevel, TraceOptions } from './trace/settings.js';
